//! What a fit begins with, and what of it stays.

use crate::error::refuse;
use crate::matrix::Dense;
use crate::{Error, Float};

/// One of the two factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// W, m × k.
    W,
    /// H, k × n.
    H,
}

impl Factor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::W => "W",
            Self::H => "H",
        }
    }
}

/// Factors to begin with, or to hold fixed: nothing below zero but in a factor whose constraint allows it.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a, T: Float> {
    /// W, m × k; made by the `init` if absent.
    pub w: Option<&'a Dense<T>>,
    /// H, k × n; made by the `init` if absent.
    pub h: Option<&'a Dense<T>>,
    /// The factor that is not to be changed, which must be given.
    pub hold: Option<Factor>,
    /// Components, from 0 to k − 1, whose columns of W stay as `w` has them, which must be given.
    pub held_w: &'a [usize],
    /// Components, from 0 to k − 1, whose rows of H stay as `h` has them, which must be given: known sources among unknown ones.
    pub held_h: &'a [usize],
}

impl<T: Float> Default for Start<'_, T> {
    fn default() -> Self {
        Self {
            w: None,
            h: None,
            hold: None,
            held_w: &[],
            held_h: &[],
        }
    }
}

impl<T: Float> Start<'_, T> {
    /// Whether nothing is held.
    pub(super) fn is_free(&self) -> bool {
        self.hold.is_none() && self.held_w.is_empty() && self.held_h.is_empty()
    }

    /// Whether H is given, to be changed, and W is to be made.
    pub(super) fn is_h_alone(&self) -> bool {
        self.h.is_some() && self.w.is_none() && self.hold.is_none()
    }

    /// A factor of which every component is held is held, and no component of it beside that.
    ///
    /// # Errors
    /// [`Error::Parameter`] if nothing is left to find.
    pub(super) fn settled(self, rank: usize) -> Result<Self, Error> {
        let all = |held: &[usize]| (0..rank).all(|component| held.contains(&component));
        let w = self.hold == Some(Factor::W) || all(self.held_w);
        let h = self.hold == Some(Factor::H) || all(self.held_h);
        let hold = match (w, h) {
            (true, true) => {
                return refuse(
                    "held components",
                    "all of W and H",
                    "expected at least one component of W or H that may change",
                );
            }
            (true, false) => Some(Factor::W),
            (false, true) => Some(Factor::H),
            (false, false) => None,
        };
        Ok(Self {
            hold,
            held_w: if w { &[] } else { self.held_w },
            held_h: if h { &[] } else { self.held_h },
            ..self
        })
    }
}
