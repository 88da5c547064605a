//! `partwise audio`: a sound into parts and back.

mod factors;
mod notes;
mod pictures;

use std::path::Path;

use anyhow::{Context, bail};
use partwise_apps::AppError;
use partwise_apps::audio::{
    Bands, Framing, Model, SampleFormat, Scale, Separation, Sound, Spectrogram, Transform,
    WaveFile, group_by_similarity, load, percussive_mask, similarity,
};
use serde_json::json;

use crate::arguments::{AudioArguments, Example};
use crate::factor;
use crate::interrupt::Ending;
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::table::counted;
use crate::{input, memory, terminal};
use factors::Factors;

/// Bytes of a decoded sound and of its spectrogram, together, at most this share of the memory there is.
const SHARE_OF_MEMORY: u64 = 2;

pub(crate) fn run(arguments: &AudioArguments) -> anyhow::Result<Ending> {
    let AudioArguments {
        solving,
        parts,
        reporting,
        ..
    } = arguments;
    solving.nmf()?;
    check(arguments)?;
    outputs::check_folder(&arguments.output)?;
    if let Some(threads) = solving.threads {
        // The pool of everything but the fit, whose own has as many.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get());
        pool.build_global().context("cannot start threads")?;
    }
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), reporting.quiet);
    let sound = read(&arguments.input, arguments.channel, reporting.quiet)?;
    let analysis = Analysis::new(arguments, &sound)?;
    progress.doing(format!("looking at the frequencies of {name}"));
    let mut v = analysis.spectrogram(&sound)?;
    let percussive = parts.percussive.then(|| {
        let mask = percussive_mask(&v, analysis.frame_seconds(), analysis.bin_hertz());
        let sustained: Vec<f32> = mask.iter().map(|share| 1.0 - share).collect();
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
        names.push("percussive".to_owned());
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
    let model = record::model(data, &run, factors.fit);
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
    record::report(&run, table, &written, reporting)?;
    Ok(factor::ending(
        stop,
        run.iterations,
        &arguments.output,
        reporting.quiet,
    ))
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
    let given = solving.start_w.is_some() || solving.start_h.is_some() || solving.hold.is_some();
    if given && !arguments.parts.like.is_empty() {
        bail!("--like makes starts of its own; it goes without --start-w, --start-h and --hold");
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

/// A sound from a file, with a word on what could not be decoded.
fn read(path: &Path, channel: Option<usize>, quiet: bool) -> anyhow::Result<Sound> {
    let sound = load(path, memory::available() / (2 * SHARE_OF_MEMORY))?;
    if sound.damaged() > 0 && !quiet {
        terminal::warning(&format!(
            "{} of {} cannot be decoded and count as silence",
            counted(sound.damaged(), "piece"),
            input::name(path)
        ));
    }
    Ok(match channel {
        Some(number) => sound.channel(number)?,
        None => sound,
    })
}

/// How sounds become matrices in this run.
#[derive(Debug)]
struct Analysis {
    rate: u32,
    framing: Framing,
    transform: Transform,
    exponent: f32,
    scale: Scale,
    bands: Option<Bands>,
    /// Whether the loss needs entries above zero.
    lift: bool,
}

impl Analysis {
    fn new(arguments: &AudioArguments, sound: &Sound) -> anyhow::Result<Self> {
        let flags = &arguments.spectrum;
        let usual = Framing::usual(sound.rate());
        let frame = flags.frame.unwrap_or(usual.frame);
        let framing = Framing {
            frame,
            hop: flags.hop.unwrap_or(frame / 4),
            window: flags.window,
        };
        let transform = Transform::new(framing)?;
        let bins = transform.bins();
        let frames = transform.frames(sound.length());
        let bands = match flags.scale {
            Scale::Linear => None,
            scale => {
                let usual = scale.usual_bands(f64::from(sound.rate()) / 2.0).min(bins);
                let count = flags.bands.unwrap_or(usual);
                Some(Bands::new(scale, count, bins, sound.rate())?)
            }
        };
        let loss = arguments.solving.loss;
        let itakura_saito = loss.exponent() <= 0.0;
        let exponent = flags
            .exponent
            .map_or(if itakura_saito { 2.0 } else { 1.0 }, f32::from);
        // The spectrogram, and with --percussive the mask and what comes between.
        let copies = if arguments.parts.percussive { 3 } else { 1 };
        let banded = bands.as_ref().map_or(0, Bands::count);
        let entries = (frames as u64).saturating_mul((copies * bins + banded) as u64);
        memory::require(
            &format!("a spectrogram of {frames} × {bins}"),
            entries.saturating_mul(size_of::<f32>() as u64),
        )?;
        Ok(Self {
            rate: sound.rate(),
            framing,
            transform,
            exponent,
            scale: flags.scale,
            bands,
            lift: loss.needs_positive(),
        })
    }

    fn frame_seconds(&self) -> f64 {
        self.framing.hop as f64 / f64::from(self.rate)
    }

    fn bin_hertz(&self) -> f64 {
        f64::from(self.rate) / self.framing.frame as f64
    }

    fn spectrogram(&self, sound: &Sound) -> Result<Spectrogram, AppError> {
        Spectrogram::new(sound, &self.transform, self.exponent)
    }

    /// V itself: in bands, and above zero, where that was asked for.
    fn columns(&self, spectrogram: Spectrogram) -> Spectrogram {
        let mut v = match &self.bands {
            Some(bands) => bands.gathered(&spectrogram),
            None => spectrogram,
        };
        if self.lift {
            v.lift(partwise_apps::audio::FLOOR);
        }
        v
    }

    /// V of an example, which must have the rate of the sound.
    fn example(&self, example: &Example, quiet: bool) -> anyhow::Result<Spectrogram> {
        let sound = read(&example.path, None, quiet)?;
        if sound.rate() != self.rate {
            bail!(
                "{} has {} samples a second, the sound to be taken apart {}; they must agree",
                example.path.display(),
                sound.rate(),
                self.rate
            );
        }
        Ok(self.columns(self.spectrogram(&sound)?))
    }

    fn record(&self, run: &mut partwise_report::Run, arguments: &AudioArguments) {
        let parts = &arguments.parts;
        let like: Vec<String> = parts
            .like
            .iter()
            .map(|example| example.path.display().to_string())
            .collect();
        let parameters = [
            ("rate", json!(self.rate)),
            ("channel", json!(arguments.channel)),
            ("frame", json!(self.framing.frame)),
            ("hop", json!(self.framing.hop)),
            ("window", json!(self.framing.window.to_string())),
            ("scale", json!(self.scale.to_string())),
            ("bands", json!(self.bands.as_ref().map(Bands::count))),
            ("exponent", json!(self.exponent)),
            ("percussive", json!(parts.percussive)),
            ("mask_power", json!(parts.mask_power)),
            ("like", json!(like)),
        ];
        for (name, value) in parameters {
            run.parameters.insert(name.to_owned(), value);
        }
    }
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
    let numbered = |what: &str, groups: Vec<Vec<usize>>| {
        let digits = groups.len().to_string().len();
        groups
            .into_iter()
            .enumerate()
            .map(|(index, components)| Source {
                name: format!("{what}-{:0digits$}", index + 1),
                components,
            })
            .collect()
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
            let Model {
                activations,
                templates,
                ..
            } = factors.model();
            let first = &templates[..factors.rank * analysis.transform.bins()];
            let alike = similarity(activations, first, factors.rank, analysis.rate)?;
            numbered(
                "source",
                group_by_similarity(&alike, factors.rank, count.get()),
            )
        }
        None => numbered("component", (0..factors.rank).map(|k| vec![k]).collect()),
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
        files.push(WaveFile::create(&place, channels, sound.rate(), format)?);
    }
    separation.run(sound, &mut |source, pieces| files[source].append(pieces))?;
    for file in files {
        file.finish()?;
    }
    Ok(())
}
