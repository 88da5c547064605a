//! The convolutive factorisation against its plain definition.

use std::ops::ControlFlow;

use partwise::{
    ConvolutiveNmf, Dense, Factorization, Float, Loss, Matrix, Nmf, Progress, StopReason,
};

fn nmf(rank: usize) -> Nmf {
    Nmf::new(rank).loss(Loss::KULLBACK_LEIBLER).tol(0.0)
}

fn fit<T: Float>(nmf: Nmf, taps: usize, v: &[T], m: usize, n: usize) -> Factorization<T> {
    let v = Matrix::row_major(v, m, n).unwrap();
    let mut go_on = |_: &Progress| ControlFlow::Continue(());
    ConvolutiveNmf::new(nmf, taps).fit(&v, &mut go_on).unwrap()
}

/// Σ_τ Σ_k W(t − τ, k) H(τ, k, f), term by term.
fn reconstruct(w: &[f64], h: &[f64], (m, n, k, taps): (usize, usize, usize, usize)) -> Vec<f64> {
    let mut y = vec![0.0; m * n];
    for t in 0..m {
        for tap in 0..taps.min(t + 1) {
            for c in 0..k {
                for f in 0..n {
                    y[t * n + f] += w[(t - tap) * k + c] * h[(tap * k + c) * n + f];
                }
            }
        }
    }
    y
}

fn divergence(v: &[f64], y: &[f64]) -> f64 {
    let term = |(v, y): (&f64, &f64)| {
        if *v > 0.0 {
            v * (v / y).ln() - v + y
        } else {
            *y
        }
    };
    v.iter().zip(y).map(term).sum()
}

/// One iteration of the textbook: all of W, then all of H.
fn naive_step(v: &[f64], w: &mut [f64], h: &mut [f64], shape: (usize, usize, usize, usize)) {
    let (m, n, k, taps) = shape;
    let ratio = |w: &[f64], h: &[f64]| -> Vec<f64> {
        let y = reconstruct(w, h, shape);
        v.iter().zip(&y).map(|(v, y)| v / y).collect()
    };
    let r = ratio(w, h);
    let old = w.to_vec();
    for t in 0..m {
        for c in 0..k {
            let (mut up, mut down) = (0.0, 0.0);
            for tap in 0..taps.min(m - t) {
                for f in 0..n {
                    up += r[(t + tap) * n + f] * h[(tap * k + c) * n + f];
                    down += h[(tap * k + c) * n + f];
                }
            }
            w[t * k + c] = old[t * k + c] * up / down;
        }
    }
    let r = ratio(w, h);
    for tap in 0..taps {
        for c in 0..k {
            let down: f64 = (tap..m).map(|t| w[(t - tap) * k + c]).sum();
            for f in 0..n {
                let up: f64 = (tap..m).map(|t| w[(t - tap) * k + c] * r[t * n + f]).sum();
                h[(tap * k + c) * n + f] *= up / down;
            }
        }
    }
}

/// Strokes of two kinds that change while they fade, at irregular moments.
fn strokes(m: usize, n: usize) -> Vec<f64> {
    let mut v = vec![0.01; m * n];
    for (kind, moments) in [(0, [3, 17, 40, 71, 90]), (1, [9, 25, 33, 60, 101])] {
        for moment in moments {
            for tap in 0..6 {
                for f in 0..n {
                    let place = if kind == 0 {
                        2 + tap
                    } else {
                        (n - 1).saturating_sub(2 + 2 * tap)
                    };
                    let distance = f.abs_diff(place) as f64;
                    let level = (-0.4 * tap as f64 - distance).exp();
                    if moment + tap < m {
                        v[(moment + tap) * n + f] += 3.0 * level;
                    }
                }
            }
        }
    }
    v
}

#[test]
fn each_iteration_is_the_textbooks() {
    // Blocks of rows meet within a stretch and between stretches.
    let (m, n, k, taps) = (300, 17, 3, 4);
    let shape = (m, n, k, taps);
    let v: Vec<f64> = (0..m * n)
        .map(|i| 0.2 + ((i * i) % 97) as f64 / 97.0)
        .collect();
    let first = fit(nmf(k).max_iter(1), taps, &v, m, n);
    let mut w = first.w.as_slice().to_vec();
    let mut h = first.h.as_slice().to_vec();
    for iterations in 2..5 {
        naive_step(&v, &mut w, &mut h, shape);
        let found = fit(nmf(k).max_iter(iterations), taps, &v, m, n);
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near(found.w.as_slice(), &w) && near(found.h.as_slice(), &h));
        let expected = divergence(&v, &reconstruct(&w, &h, shape));
        assert!((found.objective / expected - 1.0).abs() < 1e-10);
    }
}

#[test]
fn the_objective_never_rises_and_strokes_are_found_again() {
    let (m, n) = (120, 24);
    let v = strokes(m, n);
    let found = fit(nmf(2).max_iter(300), 6, &v, m, n);
    for pair in found.trace.windows(2) {
        assert!(pair[1].objective <= pair[0].objective * (1.0 + 1e-12));
    }
    assert!(found.relative_error < 0.25, "{}", found.relative_error);
    let plain = nmf(2)
        .max_iter(300)
        .fit(&Matrix::row_major(&v, m, n).unwrap())
        .unwrap();
    assert!(found.objective < 0.5 * plain.objective);
    assert!(found.residual < 0.1);
}

#[test]
fn one_tap_is_a_plain_factorisation() {
    let (m, n) = (40, 12);
    let v = strokes(m, n);
    let found = fit(nmf(3).max_iter(400), 1, &v, m, n);
    let y = found.reconstruct();
    let expected = divergence(&v, y.as_slice());
    assert!((found.objective / expected - 1.0).abs() < 1e-9);
}

#[test]
fn any_number_of_threads_gives_the_same_bits_and_f32_agrees() {
    let (m, n) = (400, 20);
    let v = strokes(m, n);
    let threads = |count| {
        let nmf = nmf(2)
            .max_iter(20)
            .threads(std::num::NonZeroUsize::new(count));
        fit(nmf, 5, &v, m, n)
    };
    let (one, three) = (threads(1), threads(3));
    assert_eq!(one.w.as_slice(), three.w.as_slice());
    assert_eq!(one.h.as_slice(), three.h.as_slice());
    let single: Vec<f32> = v.iter().map(|v| *v as f32).collect();
    let single = fit(nmf(2).max_iter(20), 5, &single, m, n);
    assert!((single.objective / one.objective - 1.0).abs() < 1e-3);
}

#[test]
fn zeros_stay_numbers() {
    for taps in [1, 3] {
        let mut v = vec![0.0; 10 * 4];
        let found = fit(nmf(2).max_iter(5), taps, &v, 10, 4);
        assert!(found.objective == 0.0 && found.relative_error == 0.0);
        v[5] = 2.0;
        let found = fit(nmf(2).max_iter(5), taps, &v, 10, 4);
        let finite = |matrix: &Dense<f64>| matrix.as_slice().iter().all(|x| x.is_finite());
        assert!(finite(&found.w) && finite(&found.h) && found.objective.is_finite());
    }
}

#[test]
fn an_observer_ends_it() {
    let v = strokes(60, 10);
    let v = Matrix::row_major(&v, 60, 10).unwrap();
    let mut seen = 0;
    let mut stop = |progress: &Progress| {
        seen = progress.iteration;
        if seen == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let found = ConvolutiveNmf::new(nmf(2), 4).fit(&v, &mut stop).unwrap();
    assert_eq!((found.iterations, found.stop), (3, StopReason::Stopped));
    assert_eq!(found.trace.len(), 4);
}

#[test]
fn what_does_not_go_is_refused_with_what_would() {
    let values = strokes(8, 5);
    let v = Matrix::row_major(&values, 8, 5).unwrap();
    let refusal = |nmf: Nmf, taps| {
        let mut go_on = |_: &Progress| ControlFlow::Continue(());
        ConvolutiveNmf::new(nmf, taps)
            .fit(&v, &mut go_on)
            .unwrap_err()
            .to_string()
    };
    assert!(refusal(nmf(2), 0).contains("taps"));
    assert!(refusal(nmf(2), 9).contains("at most 8"));
    assert!(refusal(Nmf::new(2), 2).contains("kullback-leibler"));
    assert!(refusal(nmf(2).solver("newton".parse().unwrap()), 2).contains("mu"));
    assert!(refusal(nmf(0), 2).contains("rank"));
    for init in partwise::Init::all() {
        let wanted = nmf(2).max_iter(1).init(init);
        if ["auto", "random"].contains(&init.name()) {
            fit(wanted, 2, &values, 8, 5);
        } else {
            let text = refusal(wanted, 2);
            let name = init.name();
            let expected = format!(
                "init = {name}: a convolutive factorisation draws its start; expected auto or random"
            );
            assert_eq!(text, expected);
        }
    }
    let several = refusal(nmf(2).n_init(std::num::NonZeroUsize::new(3).unwrap()), 2);
    assert!(
        several.contains("n_init = 3") && several.contains("expected 1"),
        "{several}"
    );
}
