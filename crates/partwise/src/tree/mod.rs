//! A tree of samples: each node is split in two by a factorisation with two components, the best split first.
//!
//! A node holds some rows of V. A fit of rank 2 gives it two components, of length 1, and each of its rows goes with the one of
//! which it holds more; what its rows then have in common is a child's component. Of all leaves the one is split whose split
//! scores best (`rule.rs`), until there are as many as are asked for. So a split is never undone, and a tree with more leaves
//! has all splits of one with fewer. (Kuang & Park 2013, "Fast
//! rank-2 nonnegative matrix factorization for hierarchical document clustering", KDD, doi 10.1145/2487575.2487606.)
//!
//! A fit of rank 2 is a fit like any other; its exact half-steps have a closed form (`update/pair.rs`). The rows of a node are
//! a part of V in its own storage.

mod found;
mod grow;
mod rule;
mod terms;

pub use found::{Tree, TreeModel, TreeNode};
pub use rule::SplitRule;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::refuse;
use crate::many::part::Part;
use crate::many::{self, Course, SurveyObserver};
use crate::matrix::{Dense, Matrix, Signs, Summary};
use crate::nmf::{Factor, Nmf, Start};
use crate::observe::{Observer, Progress};
use crate::threads::Threads;
use crate::{Error, Float, Loss, Solver};
use grow::Grower;

/// A tree of rank-2 factorisations to be grown: of all leaves the one is split in two whose split scores best, again and again (Kuang & Park
/// 2013, doi 10.1145/2487575.2487606).
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `leaves` | | leaves of the tree; fewer where no leaf can be split | 2 to m |
/// | `nmf` | `Nmf::new` | loss, solver, start, tolerance, limits, penalty, seed and threads of all fits; its rank is not used | no constraint |
/// | `rule` | `error` | what makes a split good | see [`SplitRule::all`] |
/// | `outliers` | 0 | a child with less than this share of its parent's rows, and with no better split than any leaf, is no topic: its rows are set aside, and the others split anew | 0, which sets nothing aside, to below 0.5 |
///
/// The solver `auto` is `anls` here for the squared loss: with two components it is exact and costs no more than a sweep.
///
/// ```
/// use partwise::{Matrix, NmfTree};
/// // Samples of four kinds: kinds 0 and 1 share columns 0 to 2, and kinds 2 and 3 columns 9 to 11.
/// let entry = |i: usize, j: usize| match (i % 4, j) {
///     (0 | 1, 0..3) | (2 | 3, 9..12) => 2.0,
///     (0, 3 | 4) | (1, 5) | (2, 6) | (3, 7 | 8) => 3.0 + (i % 5) as f64,
///     _ => 0.0,
/// };
/// let values: Vec<f64> = (0..40 * 12).map(|at| entry(at / 12, at % 12)).collect();
/// let v = Matrix::row_major(&values, 40, 12)?;
/// let model = NmfTree::new(4).run(&v, &mut ())?;
/// let model = model.expect("nobody ended it");
/// let leaf = |i: usize| model.labels[i].expect("nothing was set aside");
/// assert!((0..40).all(|i| leaf(i) == leaf(i % 4)));
/// // The first split parts kinds 0 and 1 from 2 and 3: leaves are numbered from left to right.
/// assert_eq!(leaf(0) / 2, leaf(1) / 2);
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NmfTree {
    nmf: Nmf,
    leaves: usize,
    rule: SplitRule,
    outliers: f64,
}

impl NmfTree {
    /// A tree with this many leaves and the defaults of the table above.
    pub fn new(leaves: usize) -> Self {
        Self {
            nmf: Nmf::new(2),
            leaves,
            rule: SplitRule::usual(),
            outliers: 0.0,
        }
    }

    /// Sets loss, solver, start, tolerance, limits, penalty, seed and threads of all fits.
    #[must_use]
    pub fn nmf(mut self, nmf: Nmf) -> Self {
        self.nmf = nmf;
        self
    }

    /// Sets what makes a split good; at first [`SplitRule::usual`].
    #[must_use]
    pub fn rule(mut self, rule: SplitRule) -> Self {
        self.rule = rule;
        self
    }

    /// Sets the share of its parent's rows below which a child may be set aside, from 0 to below 0.5; 0, as at first, sets none aside.
    #[must_use]
    pub fn outliers(mut self, share: f64) -> Self {
        self.outliers = share;
        self
    }

    /// Checks everything that can be checked without V.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the value and what would be right; as [`Nmf::check`].
    pub fn check(&self) -> Result<(), Error> {
        self.pairs().check()?;
        self.nmf.check_free("in a tree")?;
        if self.leaves < 2 {
            let legal = "expected at least 2 leaves";
            return refuse("leaves", self.leaves, legal);
        }
        if !(0.0..0.5).contains(&self.outliers) {
            let legal =
                "expected a share of a node's rows from 0, which sets nothing aside, to below 0.5";
            return refuse("outliers", self.outliers, legal);
        }
        Ok(())
    }

    /// Bytes that a tree needs beyond V itself: as [`Nmf::memory_needed`] for two fits at once with copies of the rows that they
    /// are about, and for W of all leaves.
    pub fn memory_needed<T: Float>(&self, v: &Matrix<'_, T>) -> u64 {
        let value = size_of::<T>() as u64;
        let (m, n) = (v.rows() as u64, v.cols() as u64);
        let entry = value + if v.is_sparse() { 4 } else { 0 };
        let copies = entry.saturating_mul(v.stored() as u64);
        let last = self.flat(self.leaves).memory_needed(v);
        let pairs = self.pairs().memory_needed(v).saturating_mul(2);
        let node = n.saturating_mul(value).saturating_add(64);
        let nodes = (self.leaves as u64).saturating_mul(2).saturating_mul(node);
        let nodes = nodes.saturating_add(m.saturating_mul(16));
        last.max(pairs.saturating_add(copies)).saturating_add(nodes)
    }

    /// Grows the tree. `None` if the observer ended it before the first split; later than that the tree has the splits that were
    /// done.
    ///
    /// # Errors
    /// As [`Self::check`] and [`Nmf::fit`], and more leaves than rows: before any fit.
    pub fn run<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<TreeModel<T>>, Error> {
        self.check()?;
        v.check_held("a tree")?;
        if v.rows() == 0 || v.cols() == 0 {
            let (rows, cols) = (v.rows(), v.cols());
            return Err(Error::Empty { rows, cols });
        }
        if self.leaves > v.rows() {
            let legal = format!("expected at most {}, the rows of V", v.rows());
            return refuse("leaves", self.leaves, legal);
        }
        T::grow(self, v, observer)
    }

    pub(crate) fn run_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<TreeModel<T>>, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| self.run_on(v, &threads, observer))
    }

    fn run_on<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        threads: &Threads,
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<TreeModel<T>>, Error> {
        let summary = Summary::of(v, Signs::NonNegative, threads)?;
        summary.check_scale()?;
        summary.check_loss::<T>(self.nmf.loss)?;
        // The best single component, the root, both children of every split but the last, and W of all leaves.
        let course = Course::new(observer, 2 * self.leaves - 1);
        let of_node = |rank| self.flat(rank).threads(self.hands(v));
        let grower = Grower {
            v,
            pairs: of_node(2),
            single: of_node(1),
            rule: self.rule,
            outliers: self.outliers,
            threads,
            course: &course,
        };
        let Some(grown) = grower.grow(self.leaves)? else {
            return Ok(None);
        };
        let (tree, labels) = grown.numbered()?;
        let h = tree.leaf_components();
        let held = Start {
            h: Some(&h),
            hold: Some(Factor::H),
            ..Start::default()
        };
        let stopped = course.stopped();
        let flat = self.flat(h.rows()).n_init(NonZeroUsize::MIN);
        let fit = course.finish(h.rows(), |observer| flat.fit_with(&[*v], held, observer))?;
        Ok(Some(TreeModel {
            tree,
            labels,
            fit,
            complete: !stopped,
            seconds: course.seconds(),
        }))
    }

    /// The leaf of each of some rows (r × n), new ones or old: from the root on each goes to the child of whose component it holds more.
    /// For the rows of V these are the labels of [`Self::run`], but that nothing is set aside.
    ///
    /// # Errors
    /// As [`Nmf::transform`]; [`Error::Malformed`] if the nodes are no tree with a component each.
    pub fn predict<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        tree: &Tree<T>,
    ) -> Result<Vec<usize>, Error> {
        self.predict_with(v, tree, None)
    }

    /// As [`Self::predict`], with a flag that ends the work once it is set: see [`crate::Observer::interrupt`].
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_with<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        tree: &Tree<T>,
        interrupt: Option<Arc<AtomicBool>>,
    ) -> Result<Vec<usize>, Error> {
        self.check()?;
        v.check_held("a tree")?;
        tree.check()?;
        let (rows, cols) = (v.rows(), v.cols());
        if cols != tree.components.cols() || rows == 0 {
            return Err(Error::Shape {
                matrix: "V",
                rows,
                cols,
                expected_rows: rows.max(1),
                expected_cols: tree.components.cols(),
            });
        }
        T::descend(self, v, tree, interrupt)
    }

    pub(crate) fn predict_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        tree: &Tree<T>,
        interrupt: Option<Arc<AtomicBool>>,
    ) -> Result<Vec<usize>, Error> {
        let (rows, cols) = (v.rows(), v.cols());
        let mut observer = Interruptible(interrupt);
        let mut labels = vec![0; rows];
        let mut waiting = vec![(0, (0..rows).collect::<Vec<_>>())];
        while let Some((node, rows)) = waiting.pop() {
            if let Some(leaf) = tree.nodes[node].leaf {
                rows.iter().for_each(|&i| labels[i] = leaf);
            }
            let Some(children) = tree.nodes[node].children else {
                continue;
            };
            let pair = children.map(|child| tree.components.row(child)).concat();
            let pair = Dense::from_rows(pair, 2, cols)?;
            let sides = grow::sides(&self.pairs(), v, &rows, &pair, &mut observer)?;
            let sides = children.into_iter().zip(sides);
            waiting.extend(sides.filter(|(_, rows)| !rows.is_empty()));
        }
        Ok(labels)
    }

    /// The fit of a node.
    fn pairs(&self) -> Nmf {
        self.flat(2)
    }

    /// The fit with one component for each leaf.
    fn flat(&self, rank: usize) -> Nmf {
        let mut nmf = self.nmf.clone();
        nmf.rank = rank;
        if nmf.solver == Solver::auto() && nmf.loss == Loss::FROBENIUS {
            nmf.solver = "anls".parse::<Solver>().expect("a solver of the table");
        }
        nmf
    }

    /// Fits of a small V run beside each other.
    fn hands<T: Float>(&self, v: &Matrix<'_, T>) -> Option<NonZeroUsize> {
        if many::beside(v) {
            Some(NonZeroUsize::MIN)
        } else {
            self.nmf.threads
        }
    }
}

/// Ends a fit by a flag alone.
struct Interruptible(Option<Arc<AtomicBool>>);

impl Observer for Interruptible {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.0.clone()
    }
}

/// The rows of a node: V itself, or a part of it.
enum Rows<'a, 'v, T: Float> {
    All(&'a Matrix<'v, T>),
    Some(Part<T>),
}

impl<'a, 'v, T: Float> Rows<'a, 'v, T> {
    /// Rows of V in rising order, each once.
    fn of(v: &'a Matrix<'v, T>, rows: &[usize]) -> Self {
        if rows.len() == v.rows() {
            return Self::All(v);
        }
        let cols: Vec<usize> = (0..v.cols()).collect();
        Self::Some(Part::of(v, rows, &cols))
    }

    fn matrix(&self) -> Matrix<'_, T> {
        match self {
            Self::All(v) => **v,
            Self::Some(part) => part.matrix(),
        }
    }
}
