//! `partwise audio`: a sound into parts and back.

mod analysis;
mod factors;
mod notes;
mod page;
mod pictures;

use std::num::NonZeroUsize;

use anyhow::{Context, bail};
use partwise_apps::AppError;
use partwise_apps::audio::{
    SampleFormat, Scale, Separation, Sound, WaveFile, group_by_similarity, percussive_mask,
    similarity,
};
use serde_json::json;

use crate::arguments::AudioArguments;
use crate::input;
use crate::interrupt::Ending;
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::table::counted;
use analysis::{Analysis, read};
use factors::Factors;

pub(crate) fn run(arguments: &AudioArguments) -> anyhow::Result<Ending> {
    let AudioArguments {
        solving,
        parts,
        reporting,
        ..
    } = arguments;
    solving.check_parts()?;
    check(arguments)?;
    let names = results(arguments)?;
    outputs::check_results(&arguments.output, names.iter().map(String::as_str))?;
    // The pool of everything but the fit, whose own has as many.
    let threads = solving.threads.map_or(0, NonZeroUsize::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().context("cannot start threads")?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), reporting.quiet);
    let sound = read(&arguments.input, arguments.channel, reporting.quiet)?;
    check_size(&sound, parts.bits.into())?;
    let analysis = Analysis::new(arguments, &sound)?;
    progress.doing(format!("looking at the frequencies of {name}"));
    let mut v = analysis.spectrogram(&sound)?;
    let percussive = parts.percussive.then(|| {
        let steps = (analysis.frame_seconds(), analysis.bin_hertz());
        let mask = percussive_mask(&v, analysis.exponent, steps.0, steps.1);
        let sustained = mask
            .iter()
            .map(|share| (1.0 - share).powf(analysis.exponent));
        let sustained: Vec<f32> = sustained.collect();
        v.mask(&sustained);
        mask
    });
    let drawn = pictures::overview(&v, &analysis);
    let v = analysis.columns(v);

    let factors = factors::fit(arguments, &analysis, &v, &name, &progress)?;
    let stop = factors.fit.stop;
    let data = Data {
        input: name.clone(),
        shape: (v.frames, v.bins),
        nonzeros: v.values.iter().filter(|value| **value != 0.0).count(),
        row_names: None,
        col_names: None,
    };
    drop(v);
    let sources = sources(arguments, &analysis, &factors)?;

    progress.doing("taking the sound apart");
    let mut staged = Staged::begin(&arguments.output)?;
    let mut names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    if percussive.is_some() {
        names.push(factors::PERCUSSIVE.to_owned());
    }
    let components: Vec<Vec<usize>> = sources
        .iter()
        .map(|source| source.components.clone())
        .collect();
    let separation = Separation {
        transform: &analysis.transform,
        model: factors.model(),
        sources: &components,
        power: parts.mask_power,
        first: percussive.as_deref(),
    };
    write_sounds(&separation, &sound, &names, parts.bits.into(), &mut staged)?;

    progress.doing("looking for notes");
    let found = notes::Notes::of(&factors, &analysis);
    staged.write("notes.csv", found.notes_csv().as_bytes())?;
    staged.write(
        "activations.csv",
        notes::activations_csv(&factors, &analysis).as_bytes(),
    )?;

    progress.doing("drawing");
    let title = arguments
        .input
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let draw = pictures::Pictures {
        title: &title,
        analysis: &analysis,
        factors: &factors,
        labels: found.labels(),
    };
    staged.write("spectrogram.png", &draw.spectrogram(&drawn)?)?;
    staged.write("templates.png", &draw.templates()?)?;
    staged.write("activations.png", &draw.activations()?)?;

    progress.doing("writing the results");
    let mut run = record::run(&data, solving, &factors.fit)?;
    run.rank = factors.rank as u64;
    analysis.record(&mut run, arguments);
    run.extra.insert(
        "sources".to_owned(),
        sources
            .iter()
            .map(|source| json!({"name": source.name, "components": source.components}))
            .collect(),
    );
    run.extra
        .insert("components".to_owned(), found.components_json());
    run.extra
        .insert("notes".to_owned(), json!(found.notes.len()));
    let section = page::section(arguments, &analysis, &sound, &factors, &sources, &found);
    crate::page::stage(&mut staged, &run, &arguments.page, &section)?;
    let model = record::model(data, &run, factors.into_plain()?);
    record::stage(&mut staged, &run, &model)?;
    let written = staged.commit()?;
    drop(progress);

    let mut table = record::table(&run, solving);
    table.row(
        "sound",
        format!(
            "{:.1} s, {} Hz, {}",
            sound.seconds(),
            sound.rate(),
            counted(sound.channels().len() as u64, "channel")
        ),
    );
    table.row(
        "frames",
        format!(
            "{} samples every {}, {}",
            analysis.framing.frame, analysis.framing.hop, analysis.framing.window
        ),
    );
    table.row("sounds", names.join(", "));
    table.row("notes", found.summary());
    record::finish(&run, table, &written, (stop, &arguments.output), reporting)
}

/// The names of what is written beside what every fit writes.
fn results(arguments: &AudioArguments) -> anyhow::Result<Vec<String>> {
    let parts = &arguments.parts;
    let mut sounds = factors::names(arguments)?;
    sounds.extend(parts.free.map(|_| factors::REST.to_owned()));
    sounds.extend(parts.percussive.then(|| factors::PERCUSSIVE.to_owned()));
    if parts.like.is_empty() {
        let (what, count) = match parts.sources {
            Some(count) => ("source", count.get()),
            None => ("component", arguments.solving.rank),
        };
        // Of very many the first will do: whether there is room for them is another question.
        let first = 0..count.min(1000);
        sounds.extend(first.map(|index| numbered(what, index, count)));
    }
    let mut names: Vec<_> = sounds
        .into_iter()
        .map(|name| format!("{name}.wav"))
        .collect();
    let others = [
        "activations.csv",
        "activations.png",
        "notes.csv",
        "spectrogram.png",
        "templates.png",
    ];
    names.extend(others.map(str::to_owned));
    Ok(names)
}

/// The name of one of several sounds, so that names come in the order of the numbers.
fn numbered(what: &str, index: usize, count: usize) -> String {
    let digits = count.to_string().len();
    format!("{what}-{:0digits$}", index + 1)
}

/// What flags alone can be wrong with.
fn check(arguments: &AudioArguments) -> anyhow::Result<()> {
    let power = arguments.parts.mask_power;
    if !(power > 0.0 && power <= 10.0) {
        bail!("--mask-power {power}: expected a number above 0 and at most 10");
    }
    if arguments.spectrum.bands.is_some() && arguments.spectrum.scale == Scale::Linear {
        bail!(
            "--bands needs --scale mel or --scale log; the linear scale has the bins of the transform"
        );
    }
    let solving = &arguments.solving;
    if let Some(taps) = arguments.parts.convolutive {
        partwise::ConvolutiveNmf::new(solving.nmf()?, taps.get()).check()?;
    }
    let given = solving.start_w.is_some() || solving.start_h.is_some() || solving.hold.is_some();
    if given && (!arguments.parts.like.is_empty() || arguments.parts.convolutive.is_some()) {
        bail!(
            "--like and --convolutive make starts of their own; they go without --start-w, --start-h and --hold"
        );
    }
    if let Some(sources) = arguments.parts.sources
        && sources.get() > solving.rank
    {
        bail!(
            "--sources {sources}: expected at most the {} components",
            solving.rank
        );
    }
    Ok(())
}

/// Refuses a sound whose parts are more than WAV files have room for.
fn check_size(sound: &Sound, format: SampleFormat) -> anyhow::Result<()> {
    let samples = sound.length() as u64 * sound.channels().len() as u64;
    let (bytes, most) = (samples * format.bytes(), WaveFile::MOST_BYTES);
    anyhow::ensure!(
        bytes <= most,
        "{} has {samples} samples, which are {bytes} bytes a part; a WAV file holds at most {most}. Cut the sound, or give fewer --bits",
        sound.name()
    );
    Ok(())
}

/// Components that become one sound.
#[derive(Debug)]
struct Source {
    name: String,
    components: Vec<usize>,
}

/// The sounds that come out: those like the examples, groups of what is alike, or each component alone.
fn sources(
    arguments: &AudioArguments,
    analysis: &Analysis,
    factors: &Factors,
) -> anyhow::Result<Vec<Source>> {
    let all = |what: &str, groups: Vec<Vec<usize>>| {
        let count = groups.len();
        let groups = groups.into_iter().enumerate();
        let source = |(index, components)| Source {
            name: numbered(what, index, count),
            components,
        };
        groups.map(source).collect()
    };
    if !factors.examples.is_empty() {
        let mut from = 0;
        let mut sources = Vec::new();
        for (name, count) in &factors.examples {
            sources.push(Source {
                name: name.clone(),
                components: (from..from + count).collect(),
            });
            from += count;
        }
        return Ok(sources);
    }
    Ok(match arguments.parts.sources {
        Some(count) => {
            let templates: Vec<f32> = (0..factors.rank)
                .flat_map(|component| factors.template(component))
                .collect();
            let activations = factors.model().activations;
            let alike = similarity(activations, &templates, factors.rank, analysis.rate)?;
            all(
                "source",
                group_by_similarity(&alike, factors.rank, count.get()),
            )
        }
        None => all("component", (0..factors.rank).map(|k| vec![k]).collect()),
    })
}

/// Writes each source's sound while it comes.
fn write_sounds(
    separation: &Separation<'_>,
    sound: &Sound,
    names: &[String],
    format: SampleFormat,
    staged: &mut Staged,
) -> anyhow::Result<()> {
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let place = staged.place(&format!("{name}.wav"));
        let channels = sound.channels().len();
        let file = WaveFile::create(&place, channels, sound.rate(), format);
        files.push(file.map_err(|error| placed(error, staged))?);
    }
    let run = separation.run(sound, &mut files, WaveFile::append);
    run.map_err(|error| placed(error, staged))?;
    for file in files {
        file.finish().map_err(|error| placed(error, staged))?;
    }
    Ok(())
}

/// An error of writing with the place that the file was to have.
fn placed(error: AppError, staged: &Staged) -> anyhow::Error {
    match error {
        AppError::WriteSound { path, source } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            anyhow::Error::new(source).context(staged.refused(&name))
        }
        error => error.into(),
    }
}
