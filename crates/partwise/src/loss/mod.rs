//! What is minimised: D(V, WH) + l1_W‖W‖₁ + l1_H‖H‖₁ + ½ l2_W‖W‖² + ½ l2_H‖H‖². Each term is defined here, once.

mod divergence;
mod penalty;
pub(crate) mod wide;

pub(crate) use divergence::Elementwise;
pub use penalty::Penalty;
pub(crate) use penalty::Weights;

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::error::refuse;

/// The divergence D between V and W H: a β-divergence.
///
/// | name | β | D |
/// |---|---|---|
/// | `frobenius` | 2 | ½ Σ (v − y)² |
/// | `kullback-leibler` | 1 | Σ v log(v / y) − v + y |
/// | `itakura-saito` | 0 | Σ v / y − log(v / y) − 1 |
/// | a number | any | Σ (v^β + (β−1) y^β − β v y^(β−1)) / (β (β−1)) |
///
/// As text a name, `kl`, `is`, or β itself. β ≤ 0 needs every entry of V above zero. For β < 1 a reconstruction y counts as at least 2^(−E/(2−β)) times the mean
/// of V, with E = 512 in double and 64 in single precision, so that its powers stay in range. (Févotte & Idier 2011, Neural
/// Computation 23:9.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    beta: f64,
}

/// The losses that have a name, short names last.
const NAMES: &[(&str, f64)] = &[
    ("frobenius", 2.0),
    ("kullback-leibler", 1.0),
    ("itakura-saito", 0.0),
    ("kl", 1.0),
    ("is", 0.0),
];

/// The exponents for which powers of single-precision numbers near 1 keep their meaning.
const BETA_LIMIT: f64 = 10.0;

impl Loss {
    /// Half the squared Frobenius norm of the residual, β = 2.
    pub const FROBENIUS: Self = Self { beta: 2.0 };
    /// The generalised Kullback–Leibler divergence, β = 1.
    pub const KULLBACK_LEIBLER: Self = Self { beta: 1.0 };
    /// The Itakura–Saito divergence, β = 0.
    pub const ITAKURA_SAITO: Self = Self { beta: 0.0 };

    /// The β-divergence of any β from −10 to 10.
    ///
    /// # Errors
    /// [`Error::Parameter`] if β is NaN or outside that range.
    pub fn beta_divergence(beta: f64) -> Result<Self, Error> {
        if beta.abs() <= BETA_LIMIT {
            return Ok(Self { beta });
        }
        refuse(
            "beta",
            beta,
            format!("expected a number from -{BETA_LIMIT} to {BETA_LIMIT}"),
        )
    }

    /// The exponent β.
    pub fn beta(self) -> f64 {
        self.beta
    }

    /// Whether this is the squared Frobenius norm, whose half-steps are quadratic problems.
    pub fn is_quadratic(self) -> bool {
        self.beta == 2.0
    }

    /// Whether a zero in V makes the divergence infinite.
    pub fn needs_positive(self) -> bool {
        self.beta <= 0.0
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, beta)| *beta == self.beta) {
            Some((name, _)) => f.pad(name),
            None => f.pad(&format!("beta={}", self.beta)),
        }
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((_, beta)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self { beta: *beta });
        }
        let number = text.strip_prefix("beta=").unwrap_or(text);
        match number.parse::<f64>() {
            Ok(beta) => Self::beta_divergence(beta),
            Err(_) => refuse(
                "loss",
                text,
                "expected frobenius, kullback-leibler (kl), itakura-saito (is) or a number beta",
            ),
        }
    }
}
