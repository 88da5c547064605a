//! The fit: templates and activations of a spectrogram, from nothing or from examples.

use std::collections::HashSet;

use anyhow::{Context, bail};
use partwise::{ConvolutiveNmf, Dense, Factor, Factorization, Matrix, Start};
use partwise_apps::audio::{Model, Spectrogram};

use super::Analysis;
use crate::arguments::{AudioArguments, Example};
use crate::factor::{self, Job};
use crate::memory::{self, Limit};
use crate::progress::Progress;

/// A fit, and its factors brought to one scale over the bins of the transform.
#[derive(Debug)]
pub(super) struct Factors {
    pub(super) fit: Factorization<f32>,
    pub(super) rank: usize,
    /// Frames that a component lasts.
    pub(super) taps: usize,
    /// Name and number of components of each example, in the order of the components.
    pub(super) examples: Vec<(String, usize)>,
    /// frames × rank; each column times a template of sum 1 is the component's share of V.
    activations: Vec<f32>,
    /// taps × rank × bins, the rows of a component together of sum 1 (or 0).
    templates: Vec<f32>,
}

impl Factors {
    /// Templates over bins, and activations that go with them.
    fn new(fit: Factorization<f32>, examples: Vec<(String, usize)>, analysis: &Analysis) -> Self {
        let rank = fit.w.cols();
        let taps = fit.h.rows() / rank;
        let mut templates = match &analysis.bands {
            Some(bands) => bands.spread(fit.h.as_slice()),
            None => fit.h.as_slice().to_vec(),
        };
        let bins = analysis.transform.bins();
        let mut sums = vec![0.0_f64; rank];
        for (row, values) in templates.chunks_exact(bins).enumerate() {
            sums[row % rank] += values.iter().map(|value| f64::from(*value)).sum::<f64>();
        }
        let sums: Vec<f32> = sums.into_iter().map(|sum| sum as f32).collect();
        for (row, values) in templates.chunks_exact_mut(bins).enumerate() {
            let sum = sums[row % rank];
            if sum > 0.0 {
                values.iter_mut().for_each(|value| *value /= sum);
            }
        }
        let mut activations = fit.w.as_slice().to_vec();
        for row in activations.chunks_exact_mut(rank) {
            for (value, sum) in row.iter_mut().zip(&sums) {
                *value *= sum;
            }
        }
        Self {
            fit,
            rank,
            taps,
            examples,
            activations,
            templates,
        }
    }

    pub(super) fn model(&self) -> Model<'_> {
        Model {
            activations: &self.activations,
            templates: &self.templates,
            rank: self.rank,
            taps: self.taps,
        }
    }

    /// When a component sounds: one value a frame.
    pub(super) fn activation(&self, component: usize) -> Vec<f32> {
        let rows = self.activations.chunks_exact(self.rank);
        rows.map(|row| row[component]).collect()
    }

    /// What a component sounds like over all its frames: one value a bin, of sum 1.
    pub(super) fn template(&self, component: usize) -> Vec<f32> {
        let mut sum = self.tap(component, 0).to_vec();
        for tap in 1..self.taps {
            for (sum, value) in sum.iter_mut().zip(self.tap(component, tap)) {
                *sum += value;
            }
        }
        sum
    }

    /// What a component sounds like in its `tap`th frame: one value a bin.
    pub(super) fn tap(&self, component: usize, tap: usize) -> &[f32] {
        let bins = self.templates.len() / (self.rank * self.taps);
        let row = tap * self.rank + component;
        &self.templates[row * bins..(row + 1) * bins]
    }

    /// The fit as a plain one: of components that last several frames, each frame stands as a component of its own, W's
    /// column moved to that frame.
    pub(super) fn into_plain(self) -> Result<Factorization<f32>, partwise::Error> {
        let (rank, taps, mut fit) = (self.rank, self.taps, self.fit);
        if taps > 1 {
            let frames = fit.w.rows();
            let mut w = vec![0.0; frames * taps * rank];
            for (frame, row) in w.chunks_exact_mut(taps * rank).enumerate() {
                for tap in 0..taps.min(frame + 1) {
                    row[tap * rank..(tap + 1) * rank].copy_from_slice(fit.w.row(frame - tap));
                }
            }
            fit.w = Dense::from_rows(w, frames, taps * rank)?;
        }
        Ok(fit)
    }
}

/// Factors V, frames × bins.
pub(super) fn fit(
    arguments: &AudioArguments,
    analysis: &Analysis,
    v: &Spectrogram,
    name: &str,
    progress: &Progress,
) -> anyhow::Result<Factors> {
    let matrix = matrix(v)?;
    if !arguments.parts.like.is_empty() {
        return from_examples(arguments, analysis, v, progress);
    }
    if let Some(taps) = arguments.parts.convolutive {
        let convolutive = ConvolutiveNmf::new(arguments.solving.nmf()?, taps.get());
        memory::require(
            &format!(
                "a fit of {} × {} with {} components of {taps} frames",
                v.frames, v.bins, arguments.solving.rank
            ),
            convolutive.memory_needed(&matrix),
        )?;
        progress.doing("making a start");
        let fit = convolutive.fit(&matrix, &mut factor::watch(progress))?;
        return Ok(Factors::new(fit, Vec::new(), analysis));
    }
    let job = Job {
        solving: &arguments.solving,
        input: name,
        convert_starts: true,
        memory: Limit::default(),
        quiet: arguments.reporting.quiet,
        progress,
    };
    Ok(Factors::new(job.run(&matrix, None)?, Vec::new(), analysis))
}

/// What the sound of free components beside examples is called.
pub(super) const REST: &str = "rest";

/// What the sound is called that is set aside first.
pub(super) const PERCUSSIVE: &str = "percussive";

/// Templates learned from each example, and held while their activations in V are found, with free ones if there are any.
fn from_examples(
    arguments: &AudioArguments,
    analysis: &Analysis,
    spectrogram: &Spectrogram,
    progress: &Progress,
) -> anyhow::Result<Factors> {
    let v = &matrix(spectrogram)?;
    let solving = &arguments.solving;
    let mut templates: Vec<f32> = Vec::new();
    let mut learned = Vec::new();
    for (example, name) in arguments.parts.like.iter().zip(names(arguments)?) {
        progress.doing(format!("learning from {}", example.path.display()));
        let sound = analysis.example(example, arguments.reporting.quiet)?;
        let rank = example.rank.map_or(solving.rank, usize::from);
        let nmf = solving.nmf_of(rank)?;
        let fit = factor::fit(&nmf, &matrix(&sound)?, Start::default(), progress)
            .with_context(|| example.path.display().to_string())?;
        templates.extend(fit.h.as_slice());
        learned.push((name, rank));
    }
    let held: Vec<usize> = (0..learned.iter().map(|(_, rank)| rank).sum()).collect();
    if let Some(free) = arguments.parts.free {
        templates.extend(free_templates(&spectrogram.values, v.cols(), free.get()));
        learned.push((REST.to_owned(), free.get()));
    }
    let rank = learned.iter().map(|(_, rank)| rank).sum();
    let h = Dense::from_rows(templates, rank, v.cols())?;
    // Only the activations are made: they are drawn, whatever the templates.
    let nmf = solving.nmf_of(rank)?.init("random".parse()?);
    memory::require(
        &format!(
            "a fit of {} × {} with {rank} components",
            v.rows(),
            v.cols()
        ),
        nmf.memory_needed(v),
    )?;
    progress.doing("finding the examples in the sound");
    let start = Start {
        w: None,
        h: Some(&h),
        hold: Some(Factor::H).filter(|_| arguments.parts.free.is_none()),
        held_h: &held,
        ..Start::default()
    };
    let fit = factor::fit(&nmf, v, start, progress)?;
    Ok(Factors::new(fit, learned, analysis))
}

/// Where free templates begin: at frames of V that are spread over it, lifted so that no bin begins at zero.
fn free_templates(v: &[f32], bins: usize, count: usize) -> Vec<f32> {
    let frames = v.len() / bins;
    let mean = v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
    let lift = 0.1 * mean as f32;
    (0..count)
        .flat_map(|number| {
            let frame = (2 * number + 1) * frames / (2 * count);
            v[frame * bins..(frame + 1) * bins]
                .iter()
                .map(move |x| x + lift)
        })
        .collect()
}

/// A name for the sound of each example: its file's, which must differ.
pub(super) fn names(arguments: &AudioArguments) -> anyhow::Result<Vec<String>> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for Example { path, .. } in &arguments.parts.like {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if name == REST && arguments.parts.free.is_some() {
            bail!("an example has the name '{REST}', which is that of the free components' sound");
        }
        if name == PERCUSSIVE && arguments.parts.percussive {
            bail!(
                "an example has the name '{PERCUSSIVE}', which is that of the sound that is set aside first"
            );
        }
        if !seen.insert(name.to_string()) {
            bail!("two examples have the name '{name}', which their sounds would share");
        }
        names.push(name.into_owned());
    }
    Ok(names)
}

fn matrix(v: &Spectrogram) -> Result<Matrix<'_, f32>, partwise::Error> {
    Matrix::row_major(&v.values, v.frames, v.bins)
}
