//! Fits mixtures of three spectra with every constraint and prints how far the components are from the true ones.
//!
//! `cargo run --release -p partwise --example constraints`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Constraint, Dense, Labels, Matrix, Nmf, reconstruct};

fn main() -> Result<(), partwise::Error> {
    let (samples, bands, k) = (300, 60, 3);
    let peak = |x: f64, centre: f64| (-30.0 * (x - centre).powi(2)).exp();
    let spectra: Vec<f64> = (0..k * bands)
        .map(|at| 0.3 + peak((at % bands) as f64 / 60.0, 0.2 + 0.3 * (at / bands) as f64))
        .collect();
    // Shares that go round the triangle and never into its corners: no sample is pure.
    let shares: Vec<f64> = (0..samples * k)
        .map(|at| {
            let (turn, size) = ((at / k) as f64 * 0.37, ((at / k) % 7) as f64 / 6.0);
            let angle = turn + (at % k) as f64 * std::f64::consts::TAU / 3.0;
            (1.0 + 1.4 * size * angle.cos()).max(0.05) / 3.0
        })
        .collect();
    let truth = Dense::from_rows(spectra, k, bands)?;
    let shares = Dense::from_rows(shares, samples, k)?;
    let v = reconstruct(&shares, &truth);
    // Of every other sample it is known which spectrum it has most of.
    let most = |i: usize| (0..k).max_by(|&a, &b| shares.get(i, a).total_cmp(&shares.get(i, b)));
    let known: Vec<_> = (0..samples)
        .map(|i| most(i).filter(|_| i % 2 == 0))
        .collect();
    let labels = Labels::new(&known)?;
    let plain = Nmf::new(k).max_iter(1000).tol(1e-6);
    let mut fits = vec![("none".to_owned(), plain.clone())];
    // A symmetric V is another problem.
    let all = Constraint::all().filter(|constraint| !constraint.is_symmetric());
    fits.extend(all.map(|c| (c.to_string(), plain.clone().constraint(c))));
    for (name, nmf) in &mut fits {
        if name.contains("labels") {
            *nmf = nmf.clone().labels(labels.clone());
        }
    }
    for (name, nmf) in fits {
        let model = nmf.fit(&Matrix::from(&v))?;
        // The one that is made for mixtures without a pure sample.
        assert!(!name.contains("min-volume") || angle(&truth, &model.h) < 0.05);
        println!(
            "{name:20} relative error {:.4}, angle to the true spectra {:.4} rad, {} iterations",
            model.relative_error,
            angle(&truth, &model.h),
            model.iterations
        );
    }
    Ok(())
}

/// The mean angle between each true component and the nearest one found.
fn angle(truth: &Dense<f64>, found: &Dense<f64>) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let between = |a: &[f64], b: &[f64]| {
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE);
        cosine.clamp(-1.0, 1.0).acos()
    };
    let nearest = |i| {
        let angles = (0..found.rows()).map(|t| between(truth.row(i), found.row(t)));
        angles.fold(f64::INFINITY, f64::min)
    };
    (0..truth.rows()).map(nearest).sum::<f64>() / truth.rows() as f64
}
