//! `graph`: rows of the factor that are neighbours in a graph are alike. ½ λ Σ_t ‖y_t‖² x_tᵀ L x_t is added to the objective,
//! with the graph's Laplacian L = D − S, x_t a column of the factor and y_t the same column of the other one.
//!
//! (Cai, He, Han & Huang 2011, IEEE Trans. Pattern Analysis and Machine Intelligence 33:8, doi 10.1109/TPAMI.2010.231.) They say
//! that y_t has the length 1; as a part of the term that length cannot make the term small. While Y stands still with the
//! Gram matrix G, the best value of one entry is a mean of what V says and what the neighbours are,
//!
//!   x_it ← max(0, (b_it − Σ_{s≠t} G_ts x_is + λ G_tt Σ_j S_ij x_jt) / (G_tt (1 + λ d_i))),
//!
//! so a sweep is exact coordinate descent. While X stands still the term is an L2 penalty of λ x_tᵀ L x_t on y_t.
//!
//! Rows are coupled, so the factor must be the one that the loop sees as a whole: V is walked so that it is.

use std::sync::Arc;

use super::{Rule, Step, asymmetry};
use crate::archive::fingerprint;
use crate::kernel::for_each_entry;
use crate::matrix::{Blocks, Dense, Source};
use crate::threads::Threads;
use crate::{Error, Factor, Float, Matrix};

/// Sweeps of a half-step at most.
const SWEEPS: usize = 10;
/// A sweep that moves less than this share of the largest entry is the last one.
const STILL: f64 = 1e-6;

/// Who is a neighbour of whom, and how much: a symmetric matrix of weights of at least zero, with a row for each row of the
/// factor that it is for. A weight of a row with itself says nothing. Copies share their memory.
///
/// ```
/// use partwise::{Constraint, Graph, Matrix, Nmf};
/// // Four samples in a chain.
/// let weights = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0];
/// let graph = Graph::new(&Matrix::row_major(&weights, 4, 4)?)?;
/// assert_eq!((graph.len(), graph.edges()), (4, 3));
/// let v = [4.0, 0.0, 2.0, 2.0, 1.5, 2.5, 0.0, 3.0, 3.0, 1.0, 2.0, 2.5];
/// let model = Nmf::new(2)
///     .constraint("graph=10".parse::<Constraint>()?)
///     .graph(graph)
///     .fit(&Matrix::row_major(&v, 4, 3)?)?;
/// assert_eq!(model.w.rows(), 4);
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Graph(Arc<Edges>);

/// Neighbours row by row.
#[derive(PartialEq)]
struct Edges {
    offsets: Vec<usize>,
    neighbours: Vec<u32>,
    weights: Vec<f64>,
    /// Sum of the weights of each row.
    degrees: Vec<f64>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graph({} rows, {} edges)", self.len(), self.edges())
    }
}

impl Graph {
    /// Neighbours of each row in a graph that is made of V.
    pub const NEIGHBOURS: usize = 5;

    /// A graph by the matrix of its weights (n × n), dense or sparse; what is not stored is no edge.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is not square, not symmetric or has a weight that is negative or not finite, with the place;
    /// [`Error::Parameter`] if it is not in memory.
    pub fn new<T: Float>(weights: &Matrix<'_, T>) -> Result<Self, Error> {
        let malformed = |reason: String| {
            Err(Error::Malformed {
                what: "graph",
                reason,
            })
        };
        weights.check_held("a graph")?;
        let (rows, cols) = (weights.rows(), weights.cols());
        if rows != cols || u32::try_from(rows).is_err() {
            return malformed(format!(
                "it is {rows} × {cols}; expected a row and a column for each row of the factor"
            ));
        }
        let mut entries = Vec::new();
        let mut bad = None;
        let mut take = |i: usize, j: usize, weight: f64| {
            if !(weight >= 0.0 && weight.is_finite()) {
                bad.get_or_insert((i, j, weight));
            } else if weight > 0.0 && i != j {
                entries.push((i as u32, j as u32, weight));
            }
        };
        match weights {
            Matrix::Dense(view) => {
                for i in 0..rows {
                    (0..rows).for_each(|j| take(i, j, view[(i, j)].to_f64()));
                }
            }
            Matrix::Csr(sparse) | Matrix::Csc(sparse) => {
                for i in 0..rows {
                    for_each_entry(sparse.row(i), |j, weight| take(i, j, weight.to_f64()));
                }
            }
            Matrix::Streamed(_) => unreachable!("refused above"),
        }
        if let Some((i, j, weight)) = bad {
            return malformed(format!(
                "the weight of {i} and {j} is {weight}; expected a finite number of at least 0"
            ));
        }
        if let Some((i, j, here, there)) = asymmetry(weights) {
            return malformed(format!(
                "the weight of {i} and {j} is {here}, but that of {j} and {i} is {there}; expected a symmetric matrix, such as the \
                 larger of both"
            ));
        }
        let graph = Self::of_entries(rows, entries);
        if graph.0.degrees.iter().sum::<f64>().is_finite() {
            return Ok(graph);
        }
        malformed("its weights are so large that their sum overflows".to_owned())
    }

    /// Rows, which are nodes.
    pub fn len(&self) -> usize {
        self.0.degrees.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pairs of neighbours.
    pub fn edges(&self) -> usize {
        self.0.neighbours.len() / 2
    }

    /// Equal for graphs that are the same.
    pub(crate) fn fingerprint(&self) -> String {
        let edges = &*self.0;
        let places: Vec<f64> = edges.neighbours.iter().map(|&j| f64::from(j)).collect();
        let offsets: Vec<f64> = edges.offsets.iter().map(|&at| at as f64).collect();
        let parts = [&places, &offsets, &edges.weights];
        let prints = parts.map(|part| format!("{:016x}", fingerprint(part)));
        prints.concat()
    }

    /// Entries of one place are added.
    fn of_entries(rows: usize, mut entries: Vec<(u32, u32, f64)>) -> Self {
        entries.sort_by_key(|&(i, j, _)| (i, j));
        entries.dedup_by(|next, first| {
            let same = (next.0, next.1) == (first.0, first.1);
            if same {
                first.2 += next.2;
            }
            same
        });
        let mut offsets = vec![0; rows + 1];
        let mut degrees = vec![0.0; rows];
        for &(i, _, weight) in &entries {
            offsets[i as usize + 1] += 1;
            degrees[i as usize] += weight;
        }
        for i in 0..rows {
            offsets[i + 1] += offsets[i];
        }
        Self(Arc::new(Edges {
            offsets,
            degrees,
            neighbours: entries.iter().map(|entry| entry.1).collect(),
            weights: entries.iter().map(|entry| entry.2).collect(),
        }))
    }

    /// The neighbours of a row with their weights.
    fn around(&self, i: usize) -> impl Iterator<Item = (usize, f64)> {
        let edges = &*self.0;
        let span = edges.offsets[i]..edges.offsets[i + 1];
        let neighbours = edges.neighbours[span.clone()].iter();
        neighbours
            .zip(&edges.weights[span])
            .map(|(&j, &weight)| (j as usize, weight))
    }

    /// The rows of V, or its columns, with an edge of weight 1 between any two of which one is among the few nearest of the other
    /// by the cosine of the angle between them. All pairs are looked at.
    pub(crate) fn nearest<T: Float>(
        blocks: &Blocks<'_, T>,
        factor: Factor,
        threads: &Threads,
    ) -> Self {
        /// Lines whose angles with all others are computed at a time.
        const BATCH: usize = 64;
        let of_rows = factor == Factor::W;
        let (count, length) = match of_rows {
            true => (blocks.rows, blocks.cols),
            false => (blocks.cols, blocks.rows),
        };
        let norms =
            |squares: Vec<f64>| -> Vec<f64> { squares.into_iter().map(f64::sqrt).collect() };
        let norms = norms(match of_rows {
            true => blocks.row_squares(threads),
            false => column_squares(blocks, threads),
        });
        let mut entries = Vec::new();
        for from in (0..count).step_by(BATCH) {
            let width = BATCH.min(count - from);
            let mut batch = Dense::zeros(length, width);
            for at in 0..width {
                let line = match of_rows {
                    true => blocks.row(from + at),
                    false => column(blocks, from + at),
                };
                let norm = norms[from + at];
                let places = batch.as_mut_slice()[at..].iter_mut().step_by(width);
                if norm.is_normal() {
                    for (to, v) in places.zip(line) {
                        *to = T::from_f64(v.to_f64() / norm);
                    }
                }
            }
            let along = match of_rows {
                true => blocks.times(&batch, threads),
                false => blocks.transposed_times(&batch, threads),
            };
            let found = threads.map(width, |at| {
                let mut near: Vec<(f64, u32)> = Vec::new();
                let cosines = along.as_slice()[at..].iter().step_by(width).zip(&norms);
                for (j, (&inner, &norm)) in cosines.enumerate() {
                    let cosine = inner.to_f64() / norm;
                    if j != from + at && norm.is_normal() && cosine > 0.0 {
                        near.push((cosine, j as u32));
                    }
                }
                let nearer =
                    |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
                if near.len() > Self::NEIGHBOURS {
                    near.select_nth_unstable_by(Self::NEIGHBOURS, nearer);
                    near.truncate(Self::NEIGHBOURS);
                }
                near
            });
            for (at, near) in found.into_iter().enumerate() {
                let i = (from + at) as u32;
                entries.extend(near.iter().flat_map(|&(_, j)| [(i, j, 1.0), (j, i, 1.0)]));
            }
        }
        entries.sort_by_key(|&(i, j, _)| (i, j));
        entries.dedup();
        Self::of_entries(count, entries)
    }
}

/// Column `j` of V.
fn column<T: Float>(blocks: &Blocks<'_, T>, j: usize) -> Vec<T> {
    let line = |source: &Source<'_, T>| match blocks.transposed {
        true => source.line(j),
        false => source.across(j),
    };
    blocks.sources.iter().flat_map(line).collect()
}

/// Σ v² of each column of V.
fn column_squares<T: Float>(blocks: &Blocks<'_, T>, threads: &Threads) -> Vec<f64> {
    let mut total = vec![0.0; blocks.cols];
    for source in &blocks.sources {
        let squares = match blocks.transposed {
            true => source.squares(threads),
            false => source.squares_across(threads),
        };
        total.iter_mut().zip(squares).for_each(|(sum, x)| *sum += x);
    }
    total
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let Some(graph) = step.rule.graph() else {
        return;
    };
    let (k, quadratic) = (step.quadratic.k, &step.quadratic);
    let pull = pull(step.rule, step.plain, k);
    let mut around = vec![0.0; k];
    for _ in 0..SWEEPS {
        let (mut moved, mut size) = (0.0f64, 0.0f64);
        for (i, b) in step.rhs.chunks_exact(k).enumerate() {
            around.fill(0.0);
            for (j, weight) in graph.around(i) {
                let neighbour = &rows[j * k..(j + 1) * k];
                for (sum, x) in around.iter_mut().zip(neighbour) {
                    *sum += weight * x;
                }
            }
            let degree = graph.0.degrees[i];
            let row = &mut rows[i * k..(i + 1) * k];
            for t in 0..k {
                let (pull, curvature) = (pull[t], quadratic.gram[t * k + t]);
                let all = curvature + pull * degree;
                // What has no say on the objective stays where it is.
                if !(curvature > 0.0 && all.is_finite()) {
                    continue;
                }
                let slope = quadratic.gradient(row, b, t) + pull * (degree * row[t] - around[t]);
                let next = (row[t] - slope / all).max(0.0);
                moved = moved.max((next - row[t]).abs());
                size = size.max(next);
                row[t] = next;
            }
        }
        if moved <= STILL * size {
            break;
        }
    }
}

/// λ G_tt.
fn pull(rule: &Rule, gram: &[f64], k: usize) -> Vec<f64> {
    (0..k).map(|t| rule.value * gram[t * k + t]).collect()
}

/// λ x_tᵀ L x_t of each column: half the sum of S_ij (x_it − x_jt)², of which nothing cancels.
pub(super) fn ties(rule: &Rule, rows: &[f64], k: usize) -> Vec<f64> {
    let mut sums = vec![0.0; k];
    let Some(graph) = rule.graph() else {
        return sums;
    };
    for (i, row) in rows.chunks_exact(k).enumerate() {
        for (j, weight) in graph.around(i) {
            let neighbour = &rows[j * k..(j + 1) * k];
            for ((sum, a), b) in sums.iter_mut().zip(row).zip(neighbour) {
                *sum += 0.5 * weight * (a - b).powi(2);
            }
        }
    }
    sums.iter().map(|x| rule.value * x).collect()
}

/// L X, times the pull on each column.
pub(super) fn slope(rule: &Rule, gram: &[f64], _: &[f64], rows: &[f64], k: usize) -> Vec<f64> {
    let mut out = vec![0.0; rows.len()];
    let Some(graph) = rule.graph() else {
        return out;
    };
    let pull = pull(rule, gram, k);
    for (i, (out, row)) in out
        .chunks_exact_mut(k)
        .zip(rows.chunks_exact(k))
        .enumerate()
    {
        for (j, weight) in graph.around(i) {
            let neighbour = &rows[j * k..(j + 1) * k];
            for ((out, a), b) in out.iter_mut().zip(row).zip(neighbour) {
                *out += weight * (a - b);
            }
        }
        out.iter_mut()
            .zip(&pull)
            .for_each(|(out, pull)| *out *= pull);
    }
    out
}
