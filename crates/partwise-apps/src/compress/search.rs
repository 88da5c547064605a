//! The step that meets a goal.

use super::Method;
use super::container::STEPS;
use super::encoder::{Encoder, Trial, Way};
use super::factors::Factoriser;
use crate::AppError;
use crate::image::Photo;

/// Steps that are tried between two that enclose the goal.
const TRIES: usize = 8;
/// A PSNR this much above the goal is near enough, in decibels.
const NEAR_DB: f64 = 0.02;
/// A size this much below the goal is near enough, in octaves.
const NEAR_OCTAVES: f64 = 0.01;
/// Octaves between two steps while the goal is not enclosed.
const STRIDE: f64 = 1.5;
/// Octaves of the step in which PSNR moves by 1 dB, roughly.
const OCTAVES_A_DECIBEL: f64 = 0.22;
/// Octaves of the step in which the size halves, roughly.
const OCTAVES_A_HALF: f64 = 0.9;
/// A perfect picture counts as so many decibels.
const PERFECT_DB: f64 = 200.0;

/// How good or how small a compressed picture is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// 0 to 100: the step is 2^(−quality / 12.5) of the range from black to white.
    Quality(f64),
    /// The smallest file with at least this PSNR, in decibels: 5 to 150.
    PsnrDb(f64),
    /// The best picture in at most this many bytes.
    Bytes(u64),
}

impl Target {
    /// Refuses goals that no picture could have.
    ///
    /// # Errors
    ///
    /// [`AppError::Target`].
    pub fn check(self) -> Result<(), AppError> {
        let refuse = |what, value: f64, legal| {
            Err(AppError::Target {
                what,
                value: value.to_string(),
                legal,
            })
        };
        match self {
            Self::Quality(quality) if !(0.0..=100.0).contains(&quality) => {
                refuse("the quality", quality, "a number from 0 to 100")
            }
            Self::PsnrDb(db) if !(5.0..=150.0).contains(&db) => {
                refuse("the PSNR", db, "5 to 150 decibels")
            }
            Self::Bytes(0) => refuse("the size", 0.0, "at least 1 byte"),
            _ => Ok(()),
        }
    }
}

/// A compressed picture.
#[derive(Debug, Clone)]
pub struct Compressed {
    /// The file.
    pub bytes: Vec<u8>,
    /// What [`decompress`](super::decompress) makes of it, sample by sample.
    pub photo: Photo,
    /// Peak signal-to-noise ratio of that, in decibels; infinite if nothing is lost.
    pub psnr_db: f64,
    /// The way that was taken.
    pub way: Way,
    /// Components: of the whole picture, or of luma and, in colour, of chroma.
    pub components: Vec<usize>,
}

/// Compresses a picture; `watch` hears the size in bytes and the PSNR in decibels of every step that is tried.
///
/// The same picture and factoriser give the same bytes, however many threads there are.
///
/// # Errors
///
/// [`AppError::Target`], [`AppError::Unreachable`] or [`AppError::Factorisation`].
pub fn compress(
    photo: &Photo,
    target: Target,
    method: Method,
    factoriser: &dyn Factoriser,
    watch: &dyn Fn(u64, f64),
) -> Result<Compressed, AppError> {
    target.check()?;
    let encoder = Encoder::new(photo, method, factoriser);
    let heard = |trial: Trial| {
        watch(trial.bytes.len() as u64, trial.psnr_db);
        trial
    };
    let best = |octave: f64| encoder.best(octave.exp2() as f32).map(heard);
    let trial = match target {
        Target::Quality(quality) => best(-quality / 12.5)?,
        Target::PsnrDb(db) => {
            // Errors that are spread evenly over a step.
            let mut octave = (12.0_f64.sqrt() * 10_f64.powf(-db / 20.0))
                .log2()
                .clamp(-12.0, 0.0);
            let found = best(octave)?;
            octave -= (db - found.psnr_db.min(PERFECT_DB)) * OCTAVES_A_DECIBEL;
            seek(&encoder, octave, target, &heard)?
        }
        Target::Bytes(size) => {
            let mut octave = -3.0;
            for _ in 0..2 {
                let found = best(octave)?;
                let ratio = found.bytes.len() as f64 / size as f64;
                octave = (octave + ratio.log2() * OCTAVES_A_HALF).clamp(-12.0, 3.0);
            }
            seek(&encoder, octave, target, &heard)?
        }
    };
    Ok(Compressed {
        bytes: trial.bytes,
        photo: Photo {
            picture: trial.picture,
            depth: photo.depth,
        },
        psnr_db: trial.psnr_db,
        way: trial.way,
        components: trial.components,
    })
}

/// By how much a goal is met, in decibels or octaves; below 0 it is not.
fn margin(target: Target, trial: &Trial) -> f64 {
    match target {
        Target::PsnrDb(db) => trial.psnr_db.min(PERFECT_DB) - db,
        Target::Bytes(size) => (size as f64 / trial.bytes.len() as f64).log2(),
        Target::Quality(_) => 0.0,
    }
}

/// The step near `octave` (its logarithm to the base 2) that just meets a goal, in the way that is best there.
fn seek(
    encoder: &Encoder<'_>,
    octave: f64,
    target: Target,
    heard: &dyn Fn(Trial) -> Trial,
) -> Result<Trial, AppError> {
    let (finest, coarsest) = (
        f64::from(*STEPS.start()).log2(),
        f64::from(*STEPS.end()).log2(),
    );
    // A smaller step is what a better picture needs, a larger one what a smaller file needs.
    let (towards, near) = match target {
        Target::Bytes(_) => (1.0, NEAR_OCTAVES),
        _ => (-1.0, NEAR_DB),
    };
    let mut octave = octave.clamp(finest, coarsest);
    let first = heard(encoder.best(octave.exp2() as f32)?);
    let way = first.way;
    let mut met: Option<(f64, Trial)> = None;
    let mut missed: Option<(f64, f64)> = None;
    let mut trial = first;
    let mut tries = 0;
    loop {
        let by = margin(target, &trial);
        let last = trial.clone();
        if by >= 0.0 {
            // Nothing is gained beyond a perfect picture.
            let perfect = matches!(target, Target::Bytes(_)) && trial.psnr_db.is_infinite();
            met = Some((octave, trial));
            if by <= near || (perfect && missed.is_none()) {
                break;
            }
        } else {
            missed = Some((octave, by));
        }
        octave = match (&met, missed) {
            (Some((good, best)), Some((bad, lack))) => {
                tries += 1;
                if tries > TRIES {
                    break;
                }
                // Where the straight line through both meets the middle of what is near enough, but not at an end.
                let surplus = margin(target, best).min(20.0);
                let share =
                    ((surplus - 0.5 * near) / (surplus - lack.max(-20.0))).clamp(0.05, 0.95);
                // Lines that curve too much are met half-way.
                let share = if tries % 3 == 0 { 0.5 } else { share };
                good + (bad - good) * share
            }
            (Some(_), None) => octave - towards * STRIDE,
            (None, _) => octave + towards * STRIDE,
        };
        if !(finest..=coarsest).contains(&octave) {
            if met.is_some() {
                break;
            }
            return Err(unreachable(target, &last));
        }
        trial = heard(encoder.in_way(way, octave.exp2() as f32)?);
    }
    let (_, trial) = met.expect("without a step that meets the goal the search ends in an error");
    Ok(trial)
}

fn unreachable(target: Target, last: &Trial) -> AppError {
    let (asked, nearest) = match target {
        Target::PsnrDb(db) => (
            format!("a PSNR of {db} dB"),
            format!("{:.2} dB", last.psnr_db),
        ),
        Target::Bytes(size) => (
            format!("a size of {size} bytes"),
            format!("{} bytes", last.bytes.len()),
        ),
        Target::Quality(quality) => (format!("a quality of {quality}"), "nothing".to_owned()),
    };
    AppError::Unreachable { asked, nearest }
}
