//! Constraints on a factor: what it must be besides non-negative, one file each, and one line each in [`CONSTRAINTS`].
//!
//! The kinds of NMF that have names of their own are of two sorts.
//!
//! - *A half-step of its own.* While the other factor stands still a factor X (its rows are those of W, or of Hᵀ) is
//!   improved for ½ tr(X G Xᵀ) − tr(B Xᵀ), with the Gram matrix G (k × k) and the right-hand sides B of the pass, as without a
//!   constraint; only the set that X stays in differs, or a term of X alone is added. Such are sums of one (`simplex`), one
//!   component for each sample (`orthogonal`), a given sparseness (`hoyer`) and little volume (`min-volume`). They are
//!   entries of the table: how to project onto the set, and how to improve X in it. The loop, the other factor's solver, the
//!   penalties, the storages of V and the stopping rule are those of every fit.
//! - *A start that is held.* `separable` says that the components are rows of V: a start finds them, and the loop finds W
//!   while H stands still.
//!
//! A term of X alone is concave here, and lies below its tangent: [`Set::fold`] adds that tangent, which is quadratic, to
//! G (majorisation; Leplat, Ang & Gillis 2019). So no half-step raises the objective, which has the term in it.
//!
//! A term of both factors is `graph`'s, which couples rows: [`Rule::ties`] is what it says to the other factor. One of the rows of a
//! factor is that of `labels`.
//!
//! *Another problem* is `symmetric`'s, V ≈ X Xᵀ, which a shift of V's diagonal makes a plain one, and `convex`'s, V ≈ W C V, which
//! has a loop of its own.
//!
//! *Any sign* is what `semi` allows its factor, and V with it: the other factor's solvers do not ask for the signs of G and B. What
//! is below zero is refused everywhere else ([`Signs`]).
//!
//! *Plain factorisations*: several matrices with a shared factor are blocks of rows, or of columns, transposed (`joint.rs`). A tree of
//! rank 2 is many fits (`tree/`).
//!
//! Work is in double precision whatever the type of V. Extrapolated factors would leave their set, so there is no lead (with `semi`
//! they would stay in it, but large components of opposite signs then grow against each other, and it ends in worse minima), and sums of |gradient| need not become small at the edge of one, so every fit with a set ends on a plateau of the objective.

mod beside;
mod convex;
mod descent;
mod graph;
mod hoyer;
mod labels;
mod orthogonal;
mod rule;
mod semi;
mod simplex;
mod symmetric;
mod volume;

use std::fmt;
use std::str::FromStr;

pub(crate) use beside::Beside;
pub(crate) use convex::{Convex, drawn};
pub(crate) use descent::{Quadratic, descend};
pub use graph::Graph;
pub use labels::Labels;
use rule::over_columns;
pub(crate) use rule::{Rule, Step};
pub(crate) use simplex::onto_simplex;
pub(crate) use symmetric::{Shifted, asymmetry};

use crate::matrix::Signs;
use crate::{Error, Factor};

/// A number that a constraint takes.
struct Value {
    /// What it means.
    title: &'static str,
    default: f64,
    /// The range in words, and as numbers.
    legal: &'static str,
    least: f64,
    most: f64,
}

type Fold = fn(&Rule, &[f64], &mut [f64], usize);
type Price = fn(&Rule, &[f64], usize) -> f64;
type Term = fn(&Rule, &[f64], usize) -> f64;
type Ties = fn(&Rule, &[f64], usize) -> Vec<f64>;
type Prepare = fn(&Rule, &[f64], &[f64], usize) -> Vec<f64>;
type Slope = fn(&Rule, &[f64], &[f64], &[f64], usize) -> Vec<f64>;

/// A set that a factor stays in. Values are rows of k in double precision: all of the factor, or some rows of it if each row
/// is constrained alone.
struct Set {
    /// Whether each row is improved alone, once what is prepared is there. Without more that is known it means something for
    /// new samples.
    rowwise: bool,
    /// Whether it takes what is known of the rows: [`Beside`] of its name.
    informed: bool,
    /// Whether a column may have any length, so that it is given the length 1 where that costs nothing.
    any_length: bool,
    /// A point of the set for a start: where the set has a scale of its own, the start's is no news.
    begin: fn(&Rule, &mut [f64], usize),
    /// The nearest point of the set.
    project: fn(&Rule, &mut [f64], usize),
    /// Improves rows of the set.
    improve: fn(&Step<'_>, &mut [f64]),
    /// Adds the tangent of a term of the factor alone to the Gram matrix.
    fold: Option<Fold>,
    /// That term, by the Gram matrix of the factor.
    price: Option<Price>,
    /// That term, by the rows of the factor.
    term: Option<Term>,
    /// What it says to each component of the other factor: an L2 penalty.
    ties: Option<Ties>,
    /// What all rows need of the Gram matrix (k × k), and of each other.
    prepare: Option<Prepare>,
    /// What it adds to the gradient of the rows, by the Gram matrix as it is and what is prepared.
    slope: Option<Slope>,
    /// What the factor may hold, and V.
    signs: Signs,
}

enum Kind {
    Set(Set),
    /// The components are rows of V.
    Chosen,
    /// The components are mixtures of the rows of V.
    Mixed,
    /// Both factors are the same.
    Alike,
}

/// What the table holds of a constraint.
struct Spec {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    /// The factors that it may be on, the usual one first.
    factors: &'static [Factor],
    value: Option<Value>,
    /// The start that `auto` stands for.
    init: Option<&'static str>,
    kind: Kind,
}

/// What an entry of the table need not say: a set with a scale of its own, of factors whose rows belong together.
const PLAIN: Set = Set {
    rowwise: false,
    informed: false,
    any_length: false,
    begin: unchanged,
    project: unchanged,
    improve: |_, _| {},
    fold: None,
    price: None,
    term: None,
    ties: None,
    prepare: None,
    slope: None,
    signs: Signs::NonNegative,
};

fn unchanged(_: &Rule, _: &mut [f64], _: usize) {}

fn non_negative(_: &Rule, rows: &mut [f64], _: usize) {
    rows.iter_mut().for_each(|x| *x = x.max(0.0));
}

/// Every constraint there is. Tests, help texts and bindings iterate over this table.
static CONSTRAINTS: &[Spec] = &[
    Spec {
        name: "separable",
        title: "the components are rows of V: of pure samples, which the start spa or snpa finds",
        source: "Gillis & Vavasis 2014; Gillis 2014",
        factors: &[Factor::H],
        value: None,
        init: Some("snpa"),
        kind: Kind::Chosen,
    },
    Spec {
        name: "min-volume",
        title: "components as close to the data as they can be: each sums to one, with a penalty on the volume between them",
        source: "Fu et al. 2016; Leplat, Ang & Gillis 2019",
        factors: &[Factor::H, Factor::W],
        value: Some(Value {
            title: "weight of the volume, relative to the sum of squares of V",
            default: 2e-4,
            legal: "expected a weight above 0, at most 1",
            least: f64::MIN_POSITIVE,
            most: 1.0,
        }),
        init: Some("spa"),
        kind: Kind::Set(Set {
            begin: volume::begin,
            project: volume::project,
            improve: volume::improve,
            fold: Some(volume::fold),
            price: Some(volume::price),
            ..PLAIN
        }),
    },
    Spec {
        name: "simplex",
        title: "the shares of all components in a sample sum to one",
        source: "Heinz & Chang 2001",
        factors: &[Factor::W, Factor::H],
        value: None,
        init: None,
        kind: Kind::Set(Set {
            rowwise: true,
            begin: simplex::begin,
            project: simplex::project,
            improve: simplex::improve,
            ..PLAIN
        }),
    },
    Spec {
        name: "orthogonal",
        title: "each sample belongs to one component: a clustering",
        source: "Ding et al. 2006; Pompili et al. 2014",
        factors: &[Factor::W, Factor::H],
        value: None,
        init: Some("spa"),
        kind: Kind::Set(Set {
            rowwise: true,
            any_length: true,
            begin: orthogonal::project,
            project: orthogonal::project,
            improve: orthogonal::improve,
            ..PLAIN
        }),
    },
    Spec {
        name: "graph",
        title: "samples that are neighbours in a graph are alike: a given one, or the 5 nearest by angle",
        source: "Cai et al. 2011",
        factors: &[Factor::W, Factor::H],
        value: Some(Value {
            title: "weight of the graph",
            default: 1.0,
            legal: "expected a weight above 0, at most 1e6",
            least: f64::MIN_POSITIVE,
            most: 1e6,
        }),
        init: None,
        kind: Kind::Set(Set {
            informed: true,
            any_length: true,
            project: non_negative,
            improve: graph::improve,
            ties: Some(graph::ties),
            slope: Some(graph::slope),
            ..PLAIN
        }),
    },
    Spec {
        name: "labels",
        title: "the components say the classes of the samples, too, as far as these are known",
        source: "Lee, Yoo & Choi 2010",
        factors: &[Factor::W, Factor::H],
        value: Some(Value {
            title: "weight of a sample's class, relative to the mean sum of squares of a sample",
            default: 1.0,
            legal: "expected a weight above 0, at most 1e6",
            least: f64::MIN_POSITIVE,
            most: 1e6,
        }),
        init: None,
        kind: Kind::Set(Set {
            rowwise: true,
            informed: true,
            any_length: true,
            project: non_negative,
            improve: labels::improve,
            term: Some(labels::term),
            prepare: Some(labels::prepare),
            slope: Some(labels::slope),
            ..PLAIN
        }),
    },
    Spec {
        name: "semi",
        title: "entries of the factor may have any sign, and those of V",
        source: "Ding, Li & Jordan 2010",
        factors: &[Factor::H, Factor::W],
        value: None,
        init: Some("random"),
        kind: Kind::Set(Set {
            rowwise: true,
            any_length: true,
            improve: semi::improve,
            prepare: Some(semi::prepare),
            signs: Signs::Any,
            ..PLAIN
        }),
    },
    Spec {
        name: "convex",
        title: "the components are mixtures of the rows of V, whose entries may have any sign",
        source: "Ding, Li & Jordan 2010",
        factors: &[Factor::H],
        value: None,
        init: Some("random"),
        kind: Kind::Mixed,
    },
    Spec {
        name: "symmetric",
        title: "V ≈ X Xᵀ for a symmetric V, such as a graph: its clusters",
        source: "Kuang, Yun & Park 2015",
        factors: &[Factor::W],
        value: Some(Value {
            title: "price of a difference between W and the transpose of H",
            default: 0.3,
            legal: "expected a price from 1e-3 to 1e3",
            least: 1e-3,
            most: 1e3,
        }),
        init: None,
        kind: Kind::Alike,
    },
    Spec {
        name: "hoyer",
        title: "each component has a given sparseness, from 0 (all entries alike) to 1 (one entry alone)",
        source: "Hoyer 2004",
        factors: &[Factor::H, Factor::W],
        value: Some(Value {
            title: "the sparseness",
            default: 0.8,
            legal: "expected a sparseness from 0 to 1",
            least: 0.0,
            most: 1.0,
        }),
        init: None,
        kind: Kind::Set(Set {
            any_length: true,
            begin: hoyer::project,
            project: hoyer::project,
            improve: hoyer::improve,
            ..PLAIN
        }),
    },
];

/// What a factor must be besides non-negative: an entry of the table, on a factor, with its number if it takes one.
///
/// As text `[FACTOR:]NAME[=VALUE]`: `orthogonal`, `h:orthogonal`, `hoyer=0.7`, `w:hoyer=0.7`.
///
/// ```
/// use partwise::{Constraint, Factor};
/// let constraint: Constraint = "w:hoyer=0.7".parse()?;
/// assert_eq!((constraint.name(), constraint.factor()), ("hoyer", Factor::W));
/// assert_eq!(constraint.value(), Some(0.7));
/// assert_eq!("orthogonal".parse::<Constraint>()?.to_string(), "w:orthogonal");
/// assert!("hoyer=1.5".parse::<Constraint>().is_err());
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Constraint {
    spec: &'static Spec,
    factor: Factor,
    value: Option<f64>,
}

impl Constraint {
    /// Every constraint, on its usual factor and with its usual number.
    pub fn all() -> impl Iterator<Item = Self> {
        CONSTRAINTS.iter().map(|spec| Self {
            spec,
            factor: spec.factors[0],
            value: spec.value.as_ref().map(|value| value.default),
        })
    }

    /// The short name.
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// What it says, in a few words.
    pub fn title(&self) -> &'static str {
        self.spec.title
    }

    /// The papers it follows.
    pub fn source(&self) -> &'static str {
        self.spec.source
    }

    /// The factor that it is on.
    pub fn factor(&self) -> Factor {
        self.factor
    }

    /// The factors that it may be on, the usual one first.
    pub fn factors(&self) -> &'static [Factor] {
        self.spec.factors
    }

    /// Its number, if it takes one.
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// What its number means, if it takes one.
    pub fn value_title(&self) -> Option<&'static str> {
        self.spec.value.as_ref().map(|value| value.title)
    }

    /// Whether it says something of each sample alone (on W), so that it holds for new samples too.
    pub fn is_rowwise(&self) -> bool {
        self.set().is_some_and(|set| set.rowwise && !set.informed)
    }

    /// The same on another factor.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it cannot be on it.
    pub fn on(self, factor: Factor) -> Result<Self, Error> {
        let constraint = Self { factor, ..self };
        if self.spec.factors.contains(&factor) {
            return Ok(constraint);
        }
        let names: Vec<_> = self
            .spec
            .factors
            .iter()
            .map(|factor| factor.name())
            .collect();
        refuse(
            &constraint,
            &format!("'{}' is for {} only", self.name(), names.join(" and ")),
        )
    }

    /// The same with another number.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it takes none, or the number is out of its range.
    pub fn with_value(self, value: f64) -> Result<Self, Error> {
        let constraint = Self {
            value: Some(value),
            ..self
        };
        match &self.spec.value {
            None => refuse(&constraint, &format!("'{}' takes no number", self.name())),
            Some(range) if (range.least..=range.most).contains(&value) => Ok(constraint),
            Some(range) => refuse(&constraint, range.legal),
        }
    }

    /// Whether it takes what is known of the rows of its factor: `graph` a [`Graph`], `labels` their [`Labels`].
    pub fn is_informed(&self) -> bool {
        self.set().is_some_and(|set| set.informed)
    }

    /// Whether the components are chosen by the start and then held.
    pub(crate) fn chooses(&self) -> bool {
        matches!(self.spec.kind, Kind::Chosen)
    }

    /// Whether both factors are the same, W = Hᵀ.
    pub fn is_symmetric(&self) -> bool {
        matches!(self.spec.kind, Kind::Alike)
    }

    /// Whether its factor may have entries of any sign, and V too.
    pub fn is_signed(&self) -> bool {
        self.mixes() || self.set().is_some_and(|set| set.signs == Signs::Any)
    }

    /// Whether the components are mixtures of the rows of V: of one without entries below zero they have none either.
    pub fn mixes(&self) -> bool {
        matches!(self.spec.kind, Kind::Mixed)
    }

    /// Whether it is on H, and its half-step needs what a pass says of H and no more.
    pub(crate) fn sees_right_sums_alone(&self) -> bool {
        let alone = |set: &Set| !set.informed && set.signs != Signs::Any;
        self.factor == Factor::H && self.set().is_some_and(alone)
    }

    /// The start that `auto` stands for.
    pub(crate) fn init(&self) -> Option<&'static str> {
        self.spec.init
    }

    fn set(&self) -> Option<&'static Set> {
        match &self.spec.kind {
            Kind::Set(set) => Some(set),
            Kind::Chosen | Kind::Mixed | Kind::Alike => None,
        }
    }

    /// The half-step of a factor with so many rows, in a fit of a V with this sum of squares; none if the loop holds the
    /// factor.
    pub(crate) fn rule(&self, rows: usize, squares: f64, beside: Option<&Beside>) -> Option<Rule> {
        self.set().map(|set| Rule {
            set,
            value: self.value.unwrap_or_default(),
            rows,
            squares,
            beside: beside.filter(|_| set.informed).cloned(),
            ties: Vec::new(),
        })
    }
}

fn refuse<R>(constraint: &Constraint, legal: &str) -> Result<R, Error> {
    crate::error::refuse("constraint", constraint, legal)
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        (self.name(), self.factor, self.value) == (other.name(), other.factor, other.value)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.map(|value| format!("={value}"));
        let factor = self.factor.name().to_lowercase();
        f.pad(&format!(
            "{factor}:{}{}",
            self.name(),
            value.unwrap_or_default()
        ))
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Constraint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |legal: String| Error::Parameter {
            name: "constraint",
            value: text.to_owned(),
            legal,
        };
        let (factor, rest) = match text.split_once(':') {
            None => (None, text),
            Some(("w" | "W", rest)) => (Some(Factor::W), rest),
            Some(("h" | "H", rest)) => (Some(Factor::H), rest),
            Some((other, _)) => {
                return Err(wrong(format!("expected the factor w or h, not '{other}'")));
            }
        };
        let (name, value) = match rest.split_once('=') {
            None => (rest, None),
            Some((name, value)) => (name, Some(value)),
        };
        let mut found = Self::all()
            .find(|constraint| constraint.name() == name)
            .ok_or_else(|| {
                let names: Vec<_> = CONSTRAINTS.iter().map(|spec| spec.name).collect();
                wrong(format!("expected one of {}", names.join(", ")))
            })?;
        if let Some(factor) = factor {
            found = found.on(factor)?;
        }
        if let Some(value) = value {
            let number = value
                .parse()
                .map_err(|_| wrong(format!("expected a number after =, not '{value}'")))?;
            found = found.with_value(number)?;
        }
        Ok(found)
    }
}
