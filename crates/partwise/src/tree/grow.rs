//! Growth: what a split of each leaf would be is known before one is chosen.

use std::num::NonZeroUsize;

use super::Rows;
use super::found::{Tree, TreeNode};
use super::rule::{Seen, SplitRule};
use crate::kernel::dot;
use crate::many::points::directions;
use crate::many::{self, Course, Job};
use crate::matrix::{Dense, Matrix};
use crate::nmf::{Factor, Nmf, Start};
use crate::observe::Observer;
use crate::threads::Threads;
use crate::{Error, Float};

/// How often rows of one node are set aside before it is left as it is (Kuang & Park's T).
const TRIES: usize = 3;
/// Components with a larger cosine are the same: their rows are no two kinds.
const SAME: f64 = 1.0 - 1e-6;

/// What all splits share.
pub(super) struct Grower<'a, 'v, T: Float> {
    pub(super) v: &'a Matrix<'v, T>,
    /// The fit of a node with two components, and that with one.
    pub(super) pairs: Nmf,
    pub(super) single: Nmf,
    pub(super) rule: SplitRule,
    pub(super) outliers: f64,
    pub(super) threads: &'a Threads,
    pub(super) course: &'a Course<'a>,
}

/// A split of a node that may be made.
struct Split<T> {
    score: f64,
    /// The components of the children, 2 × n, of length 1.
    pair: Dense<T>,
    sides: [Vec<usize>; 2],
    aside: usize,
}

/// A leaf so far.
struct Leaf<T> {
    node: usize,
    rows: Vec<usize>,
    split: Option<Split<T>>,
}

/// A tree with the rows of its leaves.
pub(super) struct Grown<T> {
    nodes: Vec<TreeNode>,
    components: Vec<T>,
    leaves: Vec<Leaf<T>>,
    shape: (usize, usize),
}

impl<T: Float> Grower<'_, '_, T> {
    /// The one component that is best for all rows, and what it misses; `None` if the observer ended it.
    fn whole(&self, hands: (&Threads, bool)) -> Result<Option<(Dense<T>, f64)>, Error> {
        let found = self.course.each(1, 1, hands, |job, _| {
            let fit = self.single.fit_with(&[*self.v], Start::default(), job)?;
            Ok(Some((unit(&fit.h), fit.divergence)))
        })?;
        Ok(found.into_iter().flatten().next())
    }

    /// The tree; `None` if the observer ended it before the first split.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn grow(&self, wanted: usize) -> Result<Option<Grown<T>>, Error> {
        let (m, n) = (self.v.rows(), self.v.cols());
        let mut grown = Grown {
            nodes: Vec::new(),
            components: Vec::new(),
            leaves: Vec::new(),
            shape: (m, n),
        };
        let hands = (self.threads, many::beside(self.v));
        let Some((component, of_all)) = self.whole(hands)? else {
            return Ok(None);
        };
        grown.add(None, component.as_slice(), (0..m).collect());
        let mut untried = vec![0];
        loop {
            let least = grown.least_score();
            let splits = self
                .course
                .each(grown.leaves.len(), untried.len(), hands, |job, i| {
                    let leaf = &grown.leaves[untried[i]];
                    let component = grown.component(leaf.node);
                    self.best_split(&leaf.rows, (component, of_all), least, job)
                })?;
            if self.course.stopped() {
                return Ok((grown.leaves.len() > 1).then_some(grown));
            }
            for (&at, split) in untried.iter().zip(splits) {
                let leaf = &mut grown.leaves[at];
                grown.nodes[leaf.node].score = split.as_ref().map(|split| split.score);
                leaf.split = split;
            }
            let Some(at) = grown.best_leaf() else {
                return Ok(Some(grown));
            };
            untried = grown.split(at);
            if grown.leaves.len() >= wanted {
                return Ok(Some(grown));
            }
        }
    }

    /// The split of some rows, of which outliers may be set aside; `None` if there is none.
    fn best_split(
        &self,
        rows: &[usize],
        node: (&[T], f64),
        least: f64,
        job: &mut Job<'_, '_>,
    ) -> Result<Option<Split<T>>, Error> {
        let mut kept = rows.to_vec();
        for _ in 0..=TRIES {
            let Some(mut split) = self.split(&kept, node, job)? else {
                return Ok(None);
            };
            split.aside = rows.len() - kept.len();
            let small = usize::from(split.sides[1].len() < split.sides[0].len());
            let side = &split.sides[small];
            if side.len() as f64 >= self.outliers * kept.len() as f64 {
                return Ok(Some(split));
            }
            let inner = self.split(side, (split.pair.row(small), node.1), job)?;
            if inner.is_some_and(|inner| inner.score >= least) {
                return Ok(Some(split));
            }
            kept = split.sides.into_iter().nth(1 - small).expect("two sides");
        }
        Ok(None)
    }

    /// The split of some rows by a fit with two components; `None` if all are of one kind.
    fn split(
        &self,
        rows: &[usize],
        (component, of_all): (&[T], f64),
        job: &mut Job<'_, '_>,
    ) -> Result<Option<Split<T>>, Error> {
        if rows.len() < 2 || job.stopped() {
            return Ok(None);
        }
        let part = Rows::of(self.v, rows);
        let fit = self
            .pairs
            .fit_with(&[part.matrix()], Start::default(), job)?;
        let pair = by_weight(&fit.w, &fit.h);
        let (first, second) = (pair.row(0), pair.row(1));
        let length = |row: &[T]| dot(row, row);
        let cosine = dot(first, second).to_f64();
        if length(first) <= T::ZERO || length(second) <= T::ZERO || cosine > SAME {
            return Ok(None);
        }
        let one = self
            .single
            .fit_with(&[part.matrix()], Start::default(), job)?;
        drop(part);
        let sides = sides(&self.pairs, self.v, rows, &pair, job)?;
        if job.stopped() || sides.iter().any(Vec::is_empty) {
            return Ok(None);
        }
        let wide = |row: &[T]| row.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
        let seen = Seen {
            node: &wide(component),
            children: [&wide(first), &wide(second)],
            missed: [one.divergence, fit.divergence],
            of_all,
        };
        Ok(Some(Split {
            score: self.rule.score(&seen),
            sides,
            aside: 0,
            pair,
        }))
    }
}

/// The components as vectors of length 1, the one that stands for more of the rows first.
fn by_weight<T: Float>(w: &Dense<T>, h: &Dense<T>) -> Dense<T> {
    let length = |t: usize| {
        let squares = h.row(t).iter().map(|x| x.to_f64().powi(2));
        squares.sum::<f64>().sqrt()
    };
    let weight = |t: usize| {
        let column = (0..w.rows()).map(|i| w.get(i, t).to_f64());
        column.sum::<f64>() * length(t)
    };
    let order = if weight(1) > weight(0) {
        [1, 0]
    } else {
        [0, 1]
    };
    let rows = order.map(|t| h.row(t)).concat();
    unit(&Dense::from_rows(rows, 2, h.cols()).expect("two rows"))
}

/// The rows of a factor as vectors of length 1.
fn unit<T: Float>(h: &Dense<T>) -> Dense<T> {
    let units = directions(h);
    let values = units.as_slice().iter().map(|&x| T::from_f64(x)).collect();
    Dense::from_rows(values, h.rows(), h.cols()).expect("the same shape")
}

/// Which of some rows hold more of each of two components; the first has those that hold as much of both.
///
/// # Errors
/// The engine's.
pub(super) fn sides<T: Float>(
    pairs: &Nmf,
    v: &Matrix<'_, T>,
    rows: &[usize],
    pair: &Dense<T>,
    observer: &mut dyn Observer,
) -> Result<[Vec<usize>; 2], Error> {
    let part = Rows::of(v, rows);
    let held = Start {
        h: Some(pair),
        hold: Some(Factor::H),
        ..Start::default()
    };
    let once = pairs.clone().n_init(NonZeroUsize::MIN);
    let w = once.fit_with(&[part.matrix()], held, observer)?.w;
    let mut sides = [Vec::new(), Vec::new()];
    for (at, &row) in rows.iter().enumerate() {
        sides[usize::from(w.get(at, 1) > w.get(at, 0))].push(row);
    }
    Ok(sides)
}

impl<T: Float> Grown<T> {
    fn component(&self, node: usize) -> &[T] {
        let n = self.shape.1;
        &self.components[node * n..(node + 1) * n]
    }

    /// Adds a leaf.
    fn add(&mut self, parent: Option<usize>, component: &[T], rows: Vec<usize>) {
        let node = self.nodes.len();
        self.components.extend_from_slice(component);
        self.nodes.push(TreeNode {
            parent,
            children: None,
            rows: rows.len(),
            aside: 0,
            score: None,
            leaf: None,
        });
        let split = None;
        self.leaves.push(Leaf { node, rows, split });
    }

    /// The least score above zero of a leaf.
    fn least_score(&self) -> f64 {
        let scores = self.leaves.iter().flat_map(|leaf| &leaf.split);
        let above = scores.map(|split| split.score).filter(|&score| score > 0.0);
        above.fold(f64::INFINITY, f64::min)
    }

    /// The place of the leaf whose split scores best, the first of equals.
    fn best_leaf(&self) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (at, leaf) in self.leaves.iter().enumerate() {
            if let Some(split) = &leaf.split
                && best.is_none_or(|(_, score)| split.score > score)
            {
                best = Some((at, split.score));
            }
        }
        best.map(|(at, _)| at)
    }

    /// Splits a leaf; the places of the new ones.
    fn split(&mut self, at: usize) -> Vec<usize> {
        let Leaf { node, split, .. } = self.leaves.remove(at);
        let split = split.expect("a leaf with a split");
        self.nodes[node].aside = split.aside;
        self.nodes[node].children = Some([self.nodes.len(), self.nodes.len() + 1]);
        let first = self.leaves.len();
        for (t, rows) in split.sides.into_iter().enumerate() {
            self.add(Some(node), split.pair.row(t), rows);
        }
        vec![first, first + 1]
    }

    /// The tree with its leaves numbered from left to right, and the leaf of each row.
    ///
    /// # Errors
    /// None that a grown tree could have.
    pub(super) fn numbered(mut self) -> Result<(Tree<T>, Vec<Option<usize>>), Error> {
        let (mut waiting, mut count) = (vec![0], 0);
        while let Some(node) = waiting.pop() {
            match self.nodes[node].children {
                Some([left, right]) => waiting.extend([right, left]),
                None => {
                    self.nodes[node].leaf = Some(count);
                    count += 1;
                }
            }
        }
        let mut labels = vec![None; self.shape.0];
        for leaf in &self.leaves {
            for &row in &leaf.rows {
                labels[row] = self.nodes[leaf.node].leaf;
            }
        }
        let components = Dense::from_rows(self.components, self.nodes.len(), self.shape.1)?;
        let nodes = self.nodes;
        Ok((Tree { nodes, components }, labels))
    }
}
