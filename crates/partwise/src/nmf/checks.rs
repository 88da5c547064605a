//! What can be refused of a fit before any work.

use super::{Factor, Nmf, Start};
use crate::matrix::{Dense, Summary, bad_entry};
use crate::{Error, Float, Init};

impl Nmf {
    /// Refuses several starts where each would be the same one.
    pub(crate) fn check_n_init(&self, init: Option<Init>) -> Result<(), Error> {
        let several = self.n_init.get() > 1;
        let legal = match init {
            Some(init) if several && !init.is_drawn() && self.init != Init::auto() => {
                let drawn: Vec<_> = Init::all().filter(|init| init.is_drawn()).collect();
                let names: Vec<_> = drawn.iter().map(|init| init.name()).collect();
                format!(
                    "expected 1 with init '{}', which makes the same start each time; several are drawn by {}",
                    init.name(),
                    names.join(", ")
                )
            }
            None if several => "expected 1 where no start is drawn".to_owned(),
            _ => return Ok(()),
        };
        Err(Error::Parameter {
            name: "n_init",
            value: self.n_init.to_string(),
            legal,
        })
    }

    /// Refuses starts and solvers that need more of V than its passes say.
    pub(crate) fn check_passes_alone<T: Float>(
        &self,
        start: &Start<'_, T>,
        place: &str,
    ) -> Result<(), Error> {
        let refuse = |name, value: &str, legal: &str| {
            Err(Error::Parameter {
                name,
                value: value.to_owned(),
                legal: format!("expected {legal} {place}"),
            })
        };
        let makes_start = start.hold.is_none() && (start.w.is_none() || start.h.is_none());
        if makes_start && ![Init::auto(), Init::drawn()].contains(&self.init) {
            let legal = format!("{} or given factors", Init::drawn().name());
            return refuse("init", self.init.name(), &legal);
        }
        if self.solver.sketches() {
            return refuse("solver", self.solver.name(), "a solver without a sketch");
        }
        Ok(())
    }

    pub(crate) fn check_start<T: Float>(
        &self,
        start: &Start<'_, T>,
        rows: usize,
        cols: usize,
    ) -> Result<(), Error> {
        let given = [
            (Factor::W, start.w, rows, self.rank, start.held_w),
            (Factor::H, start.h, self.rank, cols, start.held_h),
        ];
        for (factor, matrix, rows, cols, held) in given {
            if let Some(component) = held.iter().find(|component| **component >= self.rank) {
                return Err(Error::Parameter {
                    name: "held component",
                    value: component.to_string(),
                    legal: format!(
                        "expected a component of {} from 0 to {}",
                        factor.name(),
                        self.rank - 1
                    ),
                });
            }
            let Some(matrix) = matrix else {
                if start.hold == Some(factor) || !held.is_empty() {
                    return Err(Error::HeldWithoutStart {
                        factor: factor.name(),
                    });
                }
                continue;
            };
            if (matrix.rows(), matrix.cols()) != (rows, cols) {
                return Err(Error::Shape {
                    matrix: factor.name(),
                    rows: matrix.rows(),
                    cols: matrix.cols(),
                    expected_rows: rows,
                    expected_cols: cols,
                });
            }
            let legal = |x: &T| *x >= T::ZERO && x.is_finite();
            if let Some(bad) = matrix.as_slice().iter().position(|x| !legal(x)) {
                let value = matrix.as_slice()[bad].to_f64();
                return Err(bad_entry(factor.name(), value, bad / cols, bad % cols));
            }
        }
        Ok(())
    }

    /// Refuses a rank with which the factors could not be addressed.
    pub(crate) fn check_rank_size<T>(&self, rows: usize, cols: usize) -> Result<(), Error> {
        let lines = rows as f64 + cols as f64 + self.rank as f64;
        // Gram matrices are kept in double precision.
        let bytes = lines * self.rank as f64 * size_of::<T>().max(size_of::<f64>()) as f64;
        if bytes < isize::MAX as f64 {
            return Ok(());
        }
        Err(Error::Parameter {
            name: "rank",
            value: self.rank.to_string(),
            legal: format!(
                "expected a rank with which the factors of a {rows} x {cols} matrix fit in memory"
            ),
        })
    }

    /// Refuses a start so large that its products or the first objective would overflow.
    pub(crate) fn check_start_size<T: Float>(
        &self,
        start: &Start<'_, T>,
        v: &Summary,
    ) -> Result<(), Error> {
        let (v_largest, entries) = (v.largest, v.weight);
        let largest = |factor: Option<&Dense<T>>| {
            let values = factor.map_or(&[][..], Dense::as_slice).iter();
            values.fold(0.0, |max: f64, x| max.max(x.to_f64()))
        };
        let (w, h) = (largest(start.w), largest(start.h));
        // A factor that is not given is made in proportion to √V.
        let made = |size: f64| if size > 0.0 { size } else { v_largest.sqrt() };
        let product = self.rank as f64 * made(w) * made(h);
        let powers = product.powf(self.loss.exponent().max(2.0)) * entries;
        // Gram matrices and V Hᵀ are kept in the type of V.
        let sums = (w.max(h) * w.max(h).max(v_largest)) * entries;
        if powers.is_finite() && T::from_f64(sums).is_finite() {
            return Ok(());
        }
        let (matrix, value) = if w > h { ("W", w) } else { ("H", h) };
        Err(Error::Scale {
            matrix,
            value,
            what: "its product with the other factor",
        })
    }
}
