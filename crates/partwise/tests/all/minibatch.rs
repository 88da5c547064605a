//! Mini-batch fits against a slow and obvious version, over losses, storages and threads.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Storage, Stored, random};
use partwise::{
    Dense, Error, Float, Loss, MiniBatchMemory, MiniBatchNmf, Nmf, Observer, Penalty, Progress,
    StopReason,
};

const BETAS: [f64; 6] = [2.0, 1.0, 0.0, 0.5, 1.5, 3.0];

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn nmf(k: usize, beta: f64, penalty: Penalty) -> Nmf {
    Nmf::new(k)
        .loss(Loss::beta_divergence(beta).unwrap())
        .penalty(penalty)
        .tol(0.0)
        .max_iter(3)
        .threads(NonZeroUsize::new(1))
}

/// The textbook loops, in double precision.
struct Naive<'a> {
    v: &'a Dense<f64>,
    beta: f64,
    penalty: Penalty,
    fresh: Option<usize>,
}

impl Naive<'_> {
    fn gamma(&self) -> f64 {
        match self.beta {
            beta if beta < 1.0 => 1.0 / (2.0 - beta),
            beta if beta > 2.0 => 1.0 / (beta - 1.0),
            _ => 1.0,
        }
    }

    fn weights(&self, alpha: f64, length: usize) -> (f64, f64) {
        let size = alpha * length as f64;
        (
            size * self.penalty.l1_ratio,
            size * (1.0 - self.penalty.l1_ratio),
        )
    }

    fn y(w: &Dense<f64>, h: &Dense<f64>, i: usize, j: usize) -> f64 {
        (0..h.rows()).map(|t| w.get(i, t) * h.get(t, j)).sum()
    }

    fn improve(&self, rows: std::ops::Range<usize>, w: &mut Dense<f64>, h: &Dense<f64>) {
        let (l1, l2) = self.weights(self.penalty.alpha_w, self.v.cols());
        for i in rows {
            let old = w.clone();
            for t in 0..h.rows() {
                let (mut up, mut down) = (0.0, 0.0);
                for j in 0..self.v.cols() {
                    let y = Self::y(&old, h, i, j);
                    up += self.v.get(i, j) * y.powf(self.beta - 2.0) * h.get(t, j);
                    down += y.powf(self.beta - 1.0) * h.get(t, j);
                }
                let x = old.get(i, t);
                let k = h.rows();
                w.as_mut_slice()[i * k + t] = x * (up / (down + l1 + l2 * x)).powf(self.gamma());
            }
        }
    }

    fn step(
        &self,
        rows: std::ops::Range<usize>,
        w: &mut Dense<f64>,
        memory: &mut Learnt,
        keep: f64,
    ) {
        let (k, n) = (memory.h.rows(), memory.h.cols());
        if let Some(limit) = self.fresh {
            let entries = rows.len() * n;
            let values = rows.clone().flat_map(|i| self.v.row(i).to_vec());
            let level = (values.sum::<f64>() / entries as f64 / k as f64).sqrt();
            w.as_mut_slice()[rows.start * k..rows.end * k].fill(level);
            for _ in 0..limit {
                self.improve(rows.clone(), w, &memory.h);
            }
        } else {
            self.improve(rows.clone(), w, &memory.h);
        }
        let (l1, l2) = self.weights(self.penalty.alpha_h, rows.len());
        let h = memory.h.clone();
        for t in 0..k {
            for j in 0..n {
                let (mut up, mut down) = (0.0, 0.0);
                for i in rows.clone() {
                    let y = Self::y(w, &h, i, j);
                    up += self.v.get(i, j) * y.powf(self.beta - 2.0) * w.get(i, t);
                    down += y.powf(self.beta - 1.0) * w.get(i, t);
                }
                let x = h.get(t, j);
                let at = t * n + j;
                let a = &mut memory.numerator.as_mut_slice()[at];
                *a = keep * *a + up * x.powf(1.0 / self.gamma());
                let b = &mut memory.denominator.as_mut_slice()[at];
                *b = keep * *b + down + l1 + l2 * x;
                memory.h.as_mut_slice()[at] = (*a / *b).powf(self.gamma());
            }
        }
    }
}

/// H, A and B as the formulas have them, k × n.
struct Learnt {
    h: Dense<f64>,
    numerator: Dense<f64>,
    denominator: Dense<f64>,
}

fn positive(rows: usize, cols: usize, seed: u64) -> Dense<f64> {
    let mut dense = random::<f64>(rows, cols, 1.0, seed);
    for x in dense.as_mut_slice() {
        *x += 0.05;
    }
    dense
}

fn distance<T: Float>(a: &Dense<T>, b: &Dense<f64>) -> f64 {
    let pairs = a.as_slice().iter().zip(b.as_slice());
    pairs.fold(0.0, |most, (a, b)| most.max((a.to_f64() - b).abs()))
}

#[test]
fn agrees_with_the_textbook_loops() {
    let (m, n, k, size) = (23, 11, 3, 8);
    let full = positive(m, n, 1);
    let mut thin = full.clone();
    for (at, x) in thin.as_mut_slice().iter_mut().enumerate() {
        if !(7 * (at / n) + 3 * (at % n)).is_multiple_of(4) {
            *x = 0.0;
        }
    }
    let penalties = [
        Penalty::default(),
        Penalty {
            alpha_w: 0.001,
            alpha_h: 0.002,
            l1_ratio: 1.0,
        },
    ];
    // With many zeros the Kullback–Leibler divergence is worked on at the other entries.
    let cases = BETAS.map(|beta| (&full, beta)).into_iter();
    let cases = cases.chain([(&thin, 1.0), (&thin, 2.0)]);
    for ((v, beta), penalty) in cases.flat_map(|case| penalties.map(|p| (case, p))) {
        for fresh in [None, Some(4)] {
            let (w, h) = (positive(m, k, 2), positive(k, n, 3));
            let mini = MiniBatchNmf::new(nmf(k, beta, penalty))
                .batch_size(size)
                .patience(None)
                .fresh_restarts(fresh.is_some())
                .fresh_iterations(4)
                .solve_iterations(4);
            let naive = Naive {
                v,
                beta,
                penalty,
                fresh,
            };
            let mut expected_w = w.clone();
            let mut learnt = Learnt {
                h: h.clone(),
                numerator: h.clone(),
                denominator: Dense::filled(k, n, 1.0),
            };
            let keep = 0.7_f64.powf(size as f64 / m as f64);
            for _ in 0..3 {
                for from in (0..m).step_by(size) {
                    let rows = from..(from + size).min(m);
                    naive.step(rows, &mut expected_w, &mut learnt, keep);
                }
            }
            for storage in Storage::ALL {
                let stored = Stored::of(v, storage);
                let found = mini
                    .fit(&stored.matrix(), w.clone(), h.clone(), &mut go_on)
                    .unwrap();
                let case = format!("beta {beta}, {penalty:?}, {fresh:?}, {storage:?}");
                assert_eq!((found.steps, found.iterations), (9, 3), "{case}");
                assert_eq!(found.stop, StopReason::MaxIterations, "{case}");
                let off = distance(&found.memory.h(), &learnt.h);
                assert!(off < 1e-9, "{case}: H is off by {off:e}");
                if fresh.is_none() {
                    let off = distance(&found.w, &expected_w);
                    assert!(off < 1e-9, "{case}: W is off by {off:e}");
                }
                // Batches in calls of their own.
                if fresh.is_some() {
                    let mut memory = MiniBatchMemory::new(&h);
                    for from in (0..m).step_by(size).cycle().take(9) {
                        let to = (from + size).min(m);
                        let rows = v.as_slice()[from * n..to * n].to_vec();
                        let rows = Dense::from_rows(rows, to - from, n).unwrap();
                        let part = Stored::of(&rows, storage);
                        mini.partial_fit(&part.matrix(), &mut memory, keep, &mut go_on)
                            .unwrap();
                    }
                    let off = distance(&memory.h(), &found.memory.h());
                    assert!(off < 1e-9, "{case}: a batch a call is off by {off:e}");
                }
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let (m, n, k) = (700, 300, 5);
    let v = random::<f32>(m, n, 0.2, 4);
    for (beta, fresh_restarts) in [(2.0, false), (1.0, false), (1.5, false), (1.0, true)] {
        for storage in Storage::ALL {
            let stored = Stored::of(&v, storage);
            let fit = |threads: usize| {
                let mini = MiniBatchNmf::new(
                    nmf(k, beta, Penalty::default()).threads(NonZeroUsize::new(threads)),
                )
                .batch_size(290)
                .fresh_restarts(fresh_restarts);
                let (w, h) = (random(m, k, 1.0, 5), random(k, n, 1.0, 6));
                mini.fit(&stored.matrix(), w, h, &mut go_on).unwrap()
            };
            let (one, three) = (fit(1), fit(3));
            assert_eq!(one.w, three.w, "beta {beta}, {storage:?}");
            assert_eq!(one.memory, three.memory, "beta {beta}, {storage:?}");
            assert_eq!(one.divergence.to_bits(), three.divergence.to_bits());
        }
    }
}

#[test]
fn many_small_batches_of_a_wide_sparse_matrix_give_the_same_as_a_dense_one() {
    // So few entries that the batches' twins are not kept.
    let (m, n, k) = (40, 200, 3);
    let v = random::<f64>(m, n, 0.02, 7);
    let fit = |storage| {
        let mini = MiniBatchNmf::new(nmf(k, 2.0, Penalty::default())).batch_size(2);
        let (w, h) = (positive(m, k, 8), positive(k, n, 9));
        let stored = Stored::of(&v, storage);
        mini.fit(&stored.matrix(), w, h, &mut go_on).unwrap()
    };
    let all = Storage::ALL;
    let first = fit(all[0]);
    for storage in all {
        let found = fit(storage);
        assert!(
            distance(&found.memory.h(), &first.memory.h()) < 1e-9,
            "{storage:?}"
        );
        assert!((found.divergence / first.divergence - 1.0).abs() < 1e-9);
    }
}

#[test]
fn transforms_to_what_it_was_made_of() {
    let (m, n, k) = (30, 20, 2);
    let (w, h) = (positive(m, k, 10), positive(k, n, 11));
    let v = partwise::reconstruct(&w, &h);
    for beta in BETAS {
        let mini =
            MiniBatchNmf::new(nmf(k, beta, Penalty::default()).tol(1e-9)).solve_iterations(20_000);
        let found = mini.transform(&(&v).into(), &h, &mut go_on).unwrap();
        assert!(distance(&found, &w) < 1e-3, "beta {beta}");
    }
}

#[test]
fn stops_when_told_to_and_when_nothing_improves() {
    let v = positive(50, 12, 12);
    let (w, h) = (positive(50, 3, 13), positive(3, 12, 14));
    let fit = |mini: &MiniBatchNmf, stop_at: usize| {
        let mut observer = |progress: &Progress| {
            if progress.iteration == stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        mini.fit(&(&v).into(), w.clone(), h.clone(), &mut observer)
            .unwrap()
    };
    let endless = nmf(3, 2.0, Penalty::default()).max_iter(10_000);
    let mini = MiniBatchNmf::new(endless.clone()).batch_size(10);
    let stopped = fit(&mini, 7);
    assert_eq!((stopped.steps, stopped.stop), (7, StopReason::Stopped));
    assert_eq!(stopped.iterations, 2);
    let patient = fit(&mini, usize::MAX);
    assert_eq!(patient.stop, StopReason::Converged);
    let tolerant = MiniBatchNmf::new(endless.tol(0.1)).batch_size(10);
    assert!(fit(&tolerant, usize::MAX).steps < patient.steps);
}

#[test]
fn nothing_becomes_nan_where_there_is_nothing() {
    let mut v = random::<f64>(12, 6, 0.5, 15);
    v.as_mut_slice()[..18].fill(0.0);
    for beta in [2.0, 1.0, 0.5, 1.5, 3.0] {
        for dense in [&v, &Dense::zeros(12, 6)] {
            for fresh_restarts in [false, true] {
                let mini = MiniBatchNmf::new(nmf(8, beta, Penalty::default()).tol(1e-4))
                    .batch_size(3)
                    .fresh_restarts(fresh_restarts);
                let (w, h) = (positive(12, 8, 16), positive(8, 6, 17));
                let found = mini.fit(&dense.into(), w, h, &mut go_on).unwrap();
                let values = [
                    found.w.as_slice(),
                    found.memory.ht.as_slice(),
                    found.memory.numerator.as_slice(),
                    found.memory.denominator.as_slice(),
                    &[found.divergence],
                ];
                let sound = values
                    .iter()
                    .all(|x| x.iter().all(|x| x.is_finite() && *x >= 0.0));
                assert!(sound, "beta {beta}, fresh {fresh_restarts}");
            }
        }
    }
}

#[test]
fn refuses_before_any_work() {
    let v = positive(4, 3, 18);
    let (w, h) = (positive(4, 2, 19), positive(2, 3, 20));
    let good = MiniBatchNmf::new(nmf(2, 2.0, Penalty::default()));
    let refused = |mini: MiniBatchNmf| {
        mini.fit(&(&v).into(), w.clone(), h.clone(), &mut go_on)
            .unwrap_err()
            .to_string()
    };
    let cases = [
        (good.clone().batch_size(0), "batch_size = 0"),
        (good.clone().forget_factor(1.5), "forget_factor = 1.5"),
        (good.clone().patience(Some(0)), "patience = 0"),
        (
            MiniBatchNmf::new(nmf(3, 2.0, Penalty::default())),
            "W has the shape 4 × 2; expected 4 × 3",
        ),
    ];
    for (mini, expected) in cases {
        let found = refused(mini);
        assert!(found.starts_with(expected), "{found}");
    }
    let mut negative = v.clone();
    negative.as_mut_slice()[5] = -1.0;
    let mut memory = MiniBatchMemory::new(&h);
    let before = memory.clone();
    let error = good
        .partial_fit(&(&negative).into(), &mut memory, 0.7, &mut go_on)
        .unwrap_err();
    assert!(matches!(error, Error::Negative { row: 1, col: 2, .. }));
    assert_eq!(memory, before);
    for (keep, shown) in [(f64::NAN, "NaN"), (-0.5, "-0.5"), (1.5, "1.5")] {
        let found = good.partial_fit(&(&v).into(), &mut memory, keep, &mut go_on);
        let text = found.unwrap_err().to_string();
        assert_eq!(
            text,
            format!("keep = {shown}: expected a number from 0 to 1")
        );
        assert_eq!(memory, before);
    }
}

#[test]
fn a_batch_that_is_interrupted_leaves_the_memory_as_it_was() {
    /// Interrupts from the beginning, until told otherwise.
    struct Interrupting(Arc<AtomicBool>);
    impl Observer for Interrupting {
        fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
        fn interrupt(&self) -> Option<Arc<AtomicBool>> {
            Some(self.0.clone())
        }
    }
    let v = positive(4, 3, 21);
    let mini = MiniBatchNmf::new(nmf(2, 1.0, Penalty::default()));
    let mut memory = MiniBatchMemory::new(&positive(2, 3, 22));
    let before = memory.clone();
    let mut observer = Interrupting(Arc::new(AtomicBool::new(true)));
    let error = mini
        .partial_fit(&(&v).into(), &mut memory, 0.7, &mut observer)
        .unwrap_err();
    assert!(matches!(error, Error::Interrupted));
    assert_eq!(memory, before);
    observer.0.store(false, Ordering::Relaxed);
    mini.partial_fit(&(&v).into(), &mut memory, 0.7, &mut observer)
        .unwrap();
    assert_ne!(memory, before);
}
