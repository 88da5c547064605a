//! What the state of a fit belongs to: everything that its bits depend on, each with its name, so that a state is never gone
//! on from by another fit.

use super::{Nmf, Start};
use crate::archive::{Identity, fingerprint};
use crate::constraint::Beside;
use crate::kernel;
use crate::matrix::{Dense, Matrix, Summary};
use crate::shard::remote::Seen;
use crate::{Float, Init, Solver};

impl Nmf {
    /// The parameters, the start and V.
    pub(super) fn identity<T: Float>(
        &self,
        blocks: &[Shape],
        start: &Start<'_, T>,
        (init, solver): (Option<Init>, Solver),
        v: &Summary,
    ) -> Identity {
        let given = |factor: Option<&Dense<T>>| match factor {
            Some(factor) => format!("{:016x}", fingerprint(factor.as_slice())),
            None => "none".to_owned(),
        };
        let penalty = &self.penalty;
        let rows: Vec<_> = blocks.iter().map(|block| block.rows).collect();
        let cols = blocks.first().map_or(0, |block| block.cols);
        let storage: Vec<_> = blocks.iter().map(|block| block.storage.as_str()).collect();
        let pairs = [
            ("rank", self.rank.to_string()),
            ("loss", self.loss.to_string()),
            ("solver", solver.to_string()),
            (
                "init",
                init.map_or("none".to_owned(), |init| init.to_string()),
            ),
            ("n_init", self.n_init.to_string()),
            ("seed", self.seed.to_string()),
            ("tol", self.tol.to_string()),
            ("max_iter", self.max_iter.to_string()),
            ("alpha_w", penalty.alpha_w.to_string()),
            ("alpha_h", penalty.alpha_h.to_string()),
            ("l1_ratio", penalty.l1_ratio.to_string()),
            ("constraints", format!("{:?}", self.constraints)),
            (
                "orders",
                match &self.orders {
                    Some(orders) => {
                        let all: Vec<f64> = orders.iter().flatten().map(|&t| t as f64).collect();
                        format!("{:016x}", fingerprint(&all))
                    }
                    None => "none".to_owned(),
                },
            ),
            (
                "known of the rows",
                self.beside
                    .as_ref()
                    .map_or("none".to_owned(), Beside::fingerprint),
            ),
            ("start W", given(start.w)),
            ("start H", given(start.h)),
            ("held factor", format!("{:?}", start.hold)),
            ("held components of W", format!("{:?}", start.held_w)),
            ("held components of H", format!("{:?}", start.held_h)),
            ("type", T::NAME.to_owned()),
            ("rows of V", format!("{rows:?}")),
            ("columns of V", cols.to_string()),
            ("storage of V", storage.join(", ")),
            ("sum of V", format!("{:?}", v.sum)),
            ("sum of squares of V", format!("{:?}", v.squares)),
            ("largest entry of V", format!("{:?}", v.largest)),
            ("entries of V that count", v.counted.to_string()),
            ("weight of V", format!("{:?}", v.weight)),
            ("entries of V above zero", v.nonzeros.to_string()),
            ("entries of V in their order", format!("{:016x}", v.order)),
        ];
        let owned = pairs.map(|(name, value)| (name.to_owned(), value));
        owned.into_iter().collect()
    }
}

impl Nmf {
    /// What many fits of V like this one belong to, from drawn starts: the kind of work, its own parameters, those of the fits, and V
    /// with every entry.
    pub(crate) fn identity_of_many<T: Float, const N: usize>(
        &self,
        kind: &str,
        own: [(&str, String); N],
        v: &Matrix<'_, T>,
        summary: &Summary,
    ) -> Identity {
        let begin = [
            ("kind", kind.to_owned()),
            ("partwise", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let mut all: Identity = begin
            .into_iter()
            .chain(own)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let blocks = Shape::of(&[*v], self.solver);
        let start = Start::<T>::default();
        all.extend(self.identity(&blocks, &start, (None, self.solver), summary));
        all.push(("entries of V".to_owned(), format!("{:016x}", entries(v))));
        all
    }
}

/// A fingerprint of every entry of a matrix in memory, line by line.
fn entries<T: Float>(v: &Matrix<'_, T>) -> u64 {
    /// An odd number: no line is forgotten.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut all = 0u64;
    let mut add = |line: &[f64]| all = all.wrapping_mul(FACTOR).wrapping_add(fingerprint(line));
    let mut line = Vec::new();
    match v {
        Matrix::Dense(view) => {
            for i in 0..view.nrows() {
                line.clear();
                line.extend((0..view.ncols()).map(|j| view[(i, j)].to_f64()));
                add(&line);
            }
        }
        Matrix::Csr(sparse) | Matrix::Csc(sparse) => {
            for i in 0..sparse.major() {
                line.clear();
                kernel::for_each_entry(sparse.row(i), |place, value: T| {
                    line.extend([place as f64, value.to_f64()]);
                });
                add(&line);
            }
        }
        // Such are refused where there are many fits.
        Matrix::Streamed(_) => {}
    }
    all
}

/// What of a block of V its fit depends on.
pub(super) struct Shape {
    rows: usize,
    cols: usize,
    storage: String,
}

impl Shape {
    pub(super) fn of<T: Float>(blocks: &[Matrix<'_, T>], solver: Solver) -> Vec<Self> {
        let shape = |block: &Matrix<'_, T>| Self {
            rows: block.rows(),
            cols: block.cols(),
            storage: storage(block, solver),
        };
        blocks.iter().map(shape).collect()
    }

    /// As if the partitions were blocks in memory.
    pub(super) fn of_partitions(seen: &Seen) -> Vec<Self> {
        let shape = |(rows, &dense): (usize, &bool)| Self {
            rows,
            cols: seen.cols,
            storage: (if dense {
                "dense by rows"
            } else {
                "sparse by rows"
            })
            .to_owned(),
        };
        seen.lengths().zip(&seen.dense).map(shape).collect()
    }
}

/// How a block is walked. In memory or not makes no difference, unless the solver needs columns too.
fn storage<T: Float>(block: &Matrix<'_, T>, solver: Solver) -> String {
    let order = if block.prefers_columns() {
        "columns"
    } else {
        "rows"
    };
    let kind = match block {
        Matrix::Streamed(_) if !solver.alike_in_blocks() => "streamed",
        _ if block.is_sparse() => "sparse",
        _ => "dense",
    };
    format!("{kind} by {order}")
}
