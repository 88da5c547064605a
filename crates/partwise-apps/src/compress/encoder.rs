//! One picture at any step, in each of the ways a file can keep it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use super::Method;
use super::container::Content;
use super::cut::Cut;
use super::damage::Damage;
use super::factors::{Factoriser, Factors};
use super::patches::SIDES;
use super::planes::Form;
use super::sparse::PRICE_OF_A_BIT;
use super::whole::Whole;
use crate::AppError;
use crate::image::{Channels, Photo, PictureMatrix, psnr_db};

/// Components of a whole picture at most: a picture that needs more is smaller as patches.
const MOST_WHOLE: usize = 64;
/// Ranks of whole pictures that are factored: each serves the steps that would like one near it.
const RANKS: [usize; 13] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 48, MOST_WHOLE];
/// Bits that an entry of a factor takes at least, to tell that a whole picture cannot be the better way.
const LEAST_BITS: f64 = 1.0;

/// How a file keeps a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// As one matrix.
    Whole,
    /// As blocks of `side` × `side` pixels; with `halved`, chroma has one sample for 2 × 2 pixels.
    Patches {
        /// Pixels along a side: 8 or 16.
        side: usize,
        /// Whether chroma is kept at half the width and height.
        halved: bool,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => write!(f, "the whole picture as a matrix"),
            Self::Patches { side, halved } => {
                let chroma = if *halved { ", half the chroma" } else { "" };
                write!(f, "patches of {side} × {side} pixels{chroma}")
            }
        }
    }
}

/// A picture kept in one way at one step.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub(super) bytes: Vec<u8>,
    /// What a reader will see.
    pub(super) picture: PictureMatrix,
    pub(super) psnr_db: f64,
    pub(super) way: Way,
    /// Components: of the whole, or of luma and chroma.
    pub(super) components: Vec<usize>,
    /// Squared error plus what the bytes cost at the step.
    pub(super) cost: f64,
}

/// A picture ready to be kept.
pub(super) struct Encoder<'a> {
    photo: &'a Photo,
    method: Method,
    factoriser: &'a dyn Factoriser,
    cuts: Vec<(Way, Cut)>,
    singular: OnceLock<Result<Singular, String>>,
    fits: Mutex<BTreeMap<usize, Factors>>,
}

/// The leading singular vectors of the whole picture and what each number of them leaves.
struct Singular {
    factors: Factors,
    rank: usize,
    /// ‖V‖² less the first k squared singular values, for k in 0..=rank.
    left_over: Vec<f64>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(photo: &'a Photo, method: Method, factoriser: &'a dyn Factoriser) -> Self {
        let picture = &photo.picture;
        let (width, height) = (picture.width(), picture.height());
        let halves: &[bool] = match picture.channels() {
            Channels::Colour if width > 1 && height > 1 => &[false, true],
            _ => &[false],
        };
        let mut cuts = Vec::new();
        for &halved in halves {
            let form = Form {
                width,
                height,
                channels: picture.channels(),
                halved,
            };
            let planes = form.split(picture);
            let made = in_parallel(&SIDES, |&side| Cut::new(form, side, &planes));
            for (side, cut) in SIDES.into_iter().zip(made) {
                cuts.push((Way::Patches { side, halved }, cut));
            }
        }
        Self {
            photo,
            method,
            factoriser,
            cuts,
            singular: OnceLock::new(),
            fits: Mutex::default(),
        }
    }

    /// The best way at a step.
    pub(super) fn best(&self, step: f32) -> Result<Trial, AppError> {
        let ways: Vec<Way> = self.cuts.iter().map(|(way, _)| *way).collect();
        let trials = in_parallel(&ways, |&way| self.patches(way, step));
        let trials: Vec<Trial> = trials.into_iter().collect::<Result<_, _>>()?;
        let cheapest = trials
            .into_iter()
            .reduce(|best, trial| match trial.cost < best.cost {
                true => trial,
                false => best,
            });
        let best = cheapest.expect("every picture can be cut into blocks");
        Ok(match self.whole(step, best.cost)? {
            Some(trial) if trial.cost < best.cost => trial,
            _ => best,
        })
    }

    /// A given way at a step.
    pub(super) fn in_way(&self, way: Way, step: f32) -> Result<Trial, AppError> {
        if way == Way::Whole
            && let Some(trial) = self.whole(step, f64::INFINITY)?
        {
            return Ok(trial);
        }
        self.patches(way, step)
    }

    fn patches(&self, way: Way, step: f32) -> Result<Trial, AppError> {
        let cut = self.cuts.iter().find(|(kept, _)| *kept == way);
        let (_, cut) = cut.unwrap_or(&self.cuts[0]);
        let patches = cut.encode(step, self.method);
        let components = patches.groups.iter().map(|group| group.rank()).collect();
        self.trial(way, components, Content::Patches(patches), step)
    }

    /// The whole picture at a step, unless it surely costs more than `bound`.
    fn whole(&self, step: f32, bound: f64) -> Result<Option<Trial>, AppError> {
        let singular = self.singular.get_or_init(|| self.decompose());
        let singular = singular.as_ref().map_err(|error| AppError::Factorisation {
            source: error.clone().into(),
        })?;
        let (height, columns) = self.photo.picture.shape();
        let price = price_of_a_bit(step);
        let least = |rank: usize, bits: f64| {
            singular.left_over[rank] + price * bits * (rank * (height + columns)) as f64
        };
        let ranks = 1..=singular.rank;
        if !ranks.clone().any(|rank| least(rank, LEAST_BITS) < bound) {
            return Ok(None);
        }
        // Entries that pay take some bits.
        let wanted = ranks
            .min_by(|&a, &b| least(a, 3.0).total_cmp(&least(b, 3.0)))
            .unwrap_or(1);
        let rank = RANKS
            .into_iter()
            .find(|&rank| rank >= wanted)
            .unwrap_or(MOST_WHOLE)
            .min(singular.rank);
        let factors = match self.method {
            Method::Singular => singular.leading(rank, columns),
            Method::NonNegative => self.fit(rank)?,
        };
        let whole = Whole::encode(&self.photo.picture, &factors, step, self.method);
        let components = vec![whole.rank()];
        let trial = self.trial(Way::Whole, components, Content::Whole(whole), step)?;
        Ok(Some(trial))
    }

    fn fit(&self, rank: usize) -> Result<Factors, AppError> {
        let mut fits = self.fits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(factors) = fits.get(&rank) {
            return Ok(factors.clone());
        }
        let picture = &self.photo.picture;
        let factors = self
            .factoriser
            .non_negative(picture.values(), picture.shape(), rank)
            .map_err(|source| AppError::Factorisation { source })?;
        fits.insert(rank, factors.clone());
        Ok(factors)
    }

    fn decompose(&self) -> Result<Singular, String> {
        let picture = &self.photo.picture;
        let (height, columns) = picture.shape();
        let rank = height.min(columns).min(MOST_WHOLE);
        let factors = self
            .factoriser
            .singular(picture.values(), (height, columns), rank)
            .map_err(|error| error.to_string())?;
        let values = picture.values().iter();
        let mut rest: f64 = values.map(|&value| f64::from(value).powi(2)).sum();
        let mut left_over = vec![rest];
        for component in 0..rank {
            let column = factors.w.iter().skip(component).step_by(rank);
            rest -= column.map(|&value| f64::from(value).powi(2)).sum::<f64>();
            left_over.push(rest.max(0.0));
        }
        Ok(Singular {
            factors,
            rank,
            left_over,
        })
    }

    fn trial(
        &self,
        way: Way,
        components: Vec<usize>,
        mut content: Content,
        step: f32,
    ) -> Result<Trial, AppError> {
        let damaged = |Damage(what)| AppError::Damaged {
            name: "the picture".to_owned(),
            what,
        };
        let bytes = content.write(self.photo.depth).map_err(damaged)?;
        let picture = content.picture(self.photo.depth).map_err(damaged)?;
        let psnr_db = psnr_db(&self.photo.picture, &picture)?;
        let samples = picture.values().len() as f64;
        let error = samples * 10_f64.powf(-psnr_db / 10.0);
        Ok(Trial {
            cost: error + price_of_a_bit(step) * 8.0 * bytes.len() as f64,
            bytes,
            picture,
            psnr_db,
            way,
            components,
        })
    }
}

impl Singular {
    fn leading(&self, rank: usize, columns: usize) -> Factors {
        let rows = self.factors.w.chunks_exact(self.rank);
        Factors {
            w: rows.flat_map(|row| &row[..rank]).copied().collect(),
            h: self.factors.h[..rank * columns].to_vec(),
        }
    }
}

/// What squared error a bit must save.
fn price_of_a_bit(step: f32) -> f64 {
    f64::from(PRICE_OF_A_BIT * step * step)
}

/// The results of independent work, in order; each piece gets a thread of its own, as long as the system gives any.
fn in_parallel<T: Sync, R: Send>(pieces: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = pieces
            .iter()
            .map(|piece| {
                let spawned = thread::Builder::new().spawn_scoped(scope, move || work(piece));
                spawned.map_err(|_| work(piece))
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| match handle {
                Ok(handle) => handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(done) => done,
            })
            .collect()
    })
}
