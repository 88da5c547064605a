//! Where a fit begins: one file for each kind of start, and a line each in [`STARTS`].

mod nndsvd;
mod random;
mod snpa;
mod spa;

pub(crate) use nndsvd::{Column, Half, Halved, Spread, halves};

use nndsvd::Fill;
pub(crate) use random::{H_STREAMS, W_STREAMS, draw, draw_rows, drawn_size};

use crate::error::refuse;
use crate::matrix::{Blocks, Dense};
use crate::named::named;
use crate::sketch::Sketch;
use crate::svd::OVERSAMPLING;
use crate::threads::Threads;
use crate::{Error, Float};

/// What a start is made from.
pub struct Input<'a, 'v, T: Float> {
    pub(crate) blocks: &'a Blocks<'v, T>,
    pub(crate) k: usize,
    pub(crate) seed: u64,
    /// A sketch of V, if the fit begins on one.
    pub(crate) sketch: Option<&'a Sketch<T>>,
    pub(crate) threads: &'a Threads,
}

/// W (m × k) and Hᵀ (n × k) to begin with.
pub struct Pair<T> {
    pub(crate) w: Dense<T>,
    pub(crate) ht: Dense<T>,
    /// The rows of V that the first components were made of, if they were made of rows.
    pub(crate) picked: Vec<usize>,
}

/// A function that makes a start.
pub(crate) type StartFn<T> = fn(&Input<'_, '_, T>) -> Pair<T>;

/// A start for both number types.
#[derive(Clone, Copy)]
pub struct StartRule {
    pub(crate) f32: StartFn<f32>,
    pub(crate) f64: StartFn<f64>,
}

struct Spec {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    /// Whether it needs k ≤ min(m, n).
    limited: bool,
    /// Whether another seed makes another start.
    drawn: bool,
    /// Columns of the size of the factors' that making it takes beyond k: the sketch of a decomposition, or sums of rows.
    extra: usize,
    /// What zeros become in a start that is made of singular vectors.
    fill: Option<Fill>,
    rule: StartRule,
}

/// Names one generic function for both number types.
macro_rules! start {
    ($name:literal, $title:literal, $source:literal, limited: $limited:literal, drawn: $drawn:literal,
        extra: $extra:expr, fill: $fill:expr, $function:path) => {
        Spec {
            name: $name,
            title: $title,
            source: $source,
            limited: $limited,
            drawn: $drawn,
            extra: $extra,
            fill: $fill,
            rule: StartRule {
                f32: $function,
                f64: $function,
            },
        }
    };
}

/// Columns' worth of sums over the rows or columns of V.
const SUMS: usize = 2;

/// Columns' worth of shares and products of rows of V in double precision, twice while they grow, beyond k; most ranks are below.
const EXTRA_OF_SNPA: usize = 64;

/// Every start there is.
static STARTS: &[Spec] = &[
    start!(
        "auto", "nndsvda if k is at most the smaller side of V, else random", "",
        limited: false, drawn: true, extra: SUMS, fill: None, random::start
    ),
    start!("random", "absolute normal values, scaled to the mean of V", "", limited: false, drawn: true, extra: SUMS, fill: None, random::start),
    start!(
        "nndsvd", "non-negative double singular value decomposition, with zeros",
        "Boutsidis & Gallopoulos 2008", limited: true, drawn: false, extra: OVERSAMPLING, fill: Some(Fill::Zeros), nndsvd::with_zeros
    ),
    start!(
        "nndsvda", "nndsvd, zeros filled with the mean of V",
        "Boutsidis & Gallopoulos 2008", limited: true, drawn: false, extra: OVERSAMPLING, fill: Some(Fill::Mean), nndsvd::with_mean
    ),
    start!(
        "nndsvdar", "nndsvd, zeros filled with small random values",
        "Boutsidis & Gallopoulos 2008", limited: true, drawn: true, extra: OVERSAMPLING, fill: Some(Fill::Noise), nndsvd::with_noise
    ),
    start!(
        "spa", "successive projection: rows of V that are far from each other",
        "Araújo et al. 2001; Gillis & Vavasis 2014", limited: true, drawn: false, extra: SUMS, fill: None, spa::start
    ),
    start!(
        "snpa", "successive non-negative projection: rows of V that are far from mixtures of each other",
        "Gillis 2014", limited: false, drawn: false, extra: EXTRA_OF_SNPA, fill: None, snpa::start
    ),
];

/// A kind of start, by its name in the table.
#[derive(Clone, Copy)]
pub struct Init(&'static Spec);

impl Init {
    /// Every start, `auto` first.
    pub fn all() -> impl Iterator<Item = Self> {
        STARTS.iter().map(Self)
    }

    /// The start that is chosen by the shape.
    pub fn auto() -> Self {
        Self(&STARTS[0])
    }

    /// The start that needs nothing of V but its mean.
    pub(crate) fn drawn() -> Self {
        "random".parse().expect("a name in the table")
    }

    /// The short name, as given to [`str::parse`].
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What it does, in a few words.
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// The papers it follows; may be empty.
    pub fn source(self) -> &'static str {
        self.0.source
    }

    /// Whether it needs a rank of at most the smaller side of V.
    pub fn is_limited(self) -> bool {
        self.0.limited
    }

    /// The start for this shape: itself, or the one that `auto` stands for.
    ///
    /// # Errors
    /// [`Error::Parameter`] if k is above the smaller side of V and the start cannot have that.
    pub(crate) fn resolve(self, k: usize, m: usize, n: usize) -> Result<Self, Error> {
        let fits = k <= m.min(n);
        if self.name() == "auto" {
            return if fits { "nndsvda" } else { "random" }.parse();
        }
        if self.0.limited && !fits {
            return refuse(
                "rank",
                k,
                format!(
                    "init '{}' needs a rank of at most min(m, n) = {}; use init 'random'",
                    self.name(),
                    m.min(n)
                ),
            );
        }
        Ok(self)
    }

    /// Whether the components are rows of V.
    pub fn picks_rows(self) -> bool {
        matches!(self.0.name, "spa" | "snpa")
    }

    /// Whether another seed makes another start.
    pub fn is_drawn(self) -> bool {
        self.0.drawn
    }

    /// What zeros become in a start that is made of singular vectors.
    pub(crate) fn fill(self) -> Option<Fill> {
        self.0.fill
    }

    /// Columns of the size of the factors' that making it takes beyond k.
    pub(crate) fn extra_columns(self) -> usize {
        self.0.extra
    }

    /// Makes the factors.
    pub(crate) fn make<T: Float>(self, input: &Input<'_, '_, T>) -> Pair<T> {
        T::start(&self.0.rule)(input)
    }
}

named!(Init, "init");
