//! Components of many fits as points on a sphere.

use super::assignment;
use crate::Float;
use crate::kernel::dot;
use crate::matrix::Dense;

/// The rows of H as unit vectors; a row of zeros stays.
pub(crate) fn directions<T: Float>(h: &Dense<T>) -> Dense<f64> {
    let values = h.as_slice().iter().map(|x| x.to_f64()).collect();
    let mut rows = Dense::from_rows(values, h.rows(), h.cols()).expect("the shape of H");
    let n = rows.cols();
    for row in rows.as_mut_slice().chunks_exact_mut(n) {
        // Squares of very large or small entries leave the range of numbers.
        let largest = row.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 {
            row.iter_mut().for_each(|x| *x /= largest);
            let norm = dot(row, row).sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
        }
    }
    rows
}

/// Which centre each component of a start goes with, one to one, by their cosines.
pub(crate) fn matched(start: &Dense<f64>, centres: &Dense<f64>) -> Vec<usize> {
    let k = centres.rows();
    let cosines: Vec<f64> = (0..k * k)
        .map(|at| dot(start.row(at / k), centres.row(at % k)))
        .collect();
    assignment::best(&cosines, k)
}

/// The silhouette of each of some unit vectors in clusters 0 to k − 1: (b − a) / max(a, b), with a the mean distance to the
/// others of its cluster and b the least mean distance to another cluster; 0 of one alone. The mean of 1 − x·y over unit
/// vectors y is 1 − x·(mean of y), so no pair is looked at.
pub(crate) fn silhouettes(points: &[&[f64]], clusters: &[usize], k: usize) -> Vec<f64> {
    let n = points.first().map_or(0, |point| point.len());
    let mut sums = Dense::zeros(k, n);
    let mut counts = vec![0.0; k];
    for (point, &cluster) in points.iter().zip(clusters) {
        add(&mut sums, cluster, point);
        counts[cluster] += 1.0;
    }
    let silhouette = |(x, &own): (&&[f64], &usize)| {
        let apart = (0..k)
            .filter(|&other| other != own && counts[other] > 0.0)
            .map(|other| 1.0 - dot(x, sums.row(other)) / counts[other])
            .fold(f64::INFINITY, f64::min);
        if counts[own] < 2.0 || apart == f64::INFINITY {
            return 0.0;
        }
        let together = 1.0 - (dot(x, sums.row(own)) - dot(x, x)) / (counts[own] - 1.0);
        let (apart, together) = (apart.max(0.0), together.max(0.0));
        let larger = apart.max(together);
        if larger > 0.0 {
            (apart - together) / larger
        } else {
            0.0
        }
    };
    points.iter().zip(clusters).map(silhouette).collect()
}

/// Adds x to a row of sums.
pub(crate) fn add(sums: &mut Dense<f64>, row: usize, x: &[f64]) {
    let n = sums.cols();
    let sum = &mut sums.as_mut_slice()[row * n..(row + 1) * n];
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}
