//! A map of topics: points in the plane whose distances are about those of the topics' terms.
//!
//! The distance of two topics is Hellinger's, √(1 − Σ √(p q)) over their distributions of terms. Classical scaling
//! (W. Torgerson, 1952) then centres the matrix of −½ d² and takes its two leading eigenvectors, by Jacobi's rotations.

use super::{Topics, Weight};

/// Rotations over the whole matrix at most; a few are enough for any matrix.
const SWEEPS: usize = 50;

/// A place for each topic.
pub fn positions<T: Weight>(topics: &Topics<'_, T>, terms: usize) -> Vec<[f64; 2]> {
    let rank = topics.rank();
    let roots: Vec<Vec<f64>> = (0..rank)
        .map(|topic| {
            let mut roots = vec![0.0; terms];
            for (term, weight) in topics.all_terms(topic) {
                roots[term] = f64::sqrt(weight);
            }
            roots
        })
        .collect();
    let mut squares = vec![0.0; rank * rank];
    for a in 0..rank {
        for b in 0..a {
            let common: f64 = roots[a].iter().zip(&roots[b]).map(|(x, y)| x * y).sum();
            let square = (1.0 - common).max(0.0);
            squares[a * rank + b] = square;
            squares[b * rank + a] = square;
        }
    }
    scaled(&squares, rank)
}

/// Classical scaling of squared distances, n × n, into the plane.
fn scaled(squares: &[f64], n: usize) -> Vec<[f64; 2]> {
    let means: Vec<f64> = squares
        .chunks_exact(n)
        .map(|row| row.iter().sum::<f64>() / n as f64)
        .collect();
    let mean = means.iter().sum::<f64>() / n as f64;
    let mut centred: Vec<f64> = (0..n * n)
        .map(|at| -0.5 * (squares[at] - means[at / n] - means[at % n] + mean))
        .collect();
    let vectors = eigenvectors(&mut centred, n);
    let mut order: Vec<usize> = (0..n).collect();
    let value = |axis: usize| centred[axis * n + axis];
    order.sort_by(|a, b| value(*b).total_cmp(&value(*a)));
    let axes: Vec<(usize, f64)> = order
        .iter()
        .take(2)
        .map(|axis| {
            // The sign of an eigenvector is open: the largest entry is taken as positive.
            let column = (0..n).map(|row| vectors[row * n + axis]);
            let largest = column.fold(
                0.0,
                |a: f64, b| if b.abs() > a.abs() + 1e-12 { b } else { a },
            );
            (
                *axis,
                value(*axis).max(0.0).sqrt() * if largest < 0.0 { -1.0 } else { 1.0 },
            )
        })
        .collect();
    (0..n)
        .map(|row| {
            let mut place = [0.0; 2];
            for (coordinate, (axis, scale)) in place.iter_mut().zip(&axes) {
                *coordinate = vectors[row * n + axis] * scale;
            }
            place
        })
        .collect()
}

/// Jacobi's method: leaves the eigenvalues of a symmetric matrix on its diagonal; returns the eigenvectors in columns.
fn eigenvectors(matrix: &mut [f64], n: usize) -> Vec<f64> {
    let mut vectors = vec![0.0; n * n];
    for axis in 0..n {
        vectors[axis * n + axis] = 1.0;
    }
    let size: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let rest: f64 = (0..n * n)
            .filter(|at| at / n != at % n)
            .map(|at| matrix[at] * matrix[at])
            .sum();
        if rest <= 1e-28 * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(matrix, &mut vectors, n, p, q);
            }
        }
    }
    vectors
}

/// Turns the plane of two axes so that their common entry becomes zero.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let off = matrix[p * n + q];
    if off == 0.0 {
        return;
    }
    let theta = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |values: &mut [f64], first: usize, second: usize| {
        let (a, b) = (values[first], values[second]);
        values[first] = cosine * a - sine * b;
        values[second] = sine * a + cosine * b;
    };
    for row in 0..n {
        turn(matrix, row * n + p, row * n + q);
        turn(vectors, row * n + p, row * n + q);
    }
    for column in 0..n {
        turn(matrix, p * n + column, q * n + column);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_a_plane_keep_their_distances() {
        let points = [[0.0, 0.0], [3.0, 0.5], [1.0, 2.0], [-1.0, 0.7], [0.3, -2.0]];
        let square = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        let squares = |points: &[[f64; 2]]| -> Vec<f64> {
            points
                .iter()
                .flat_map(|a| points.iter().map(|b| square(*a, *b)))
                .collect()
        };
        let wanted = squares(&points);
        let found = squares(&scaled(&wanted, points.len()));
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!(
                (found - wanted).abs() < 1e-10,
                "{found} instead of {wanted}"
            );
        }
    }

    #[test]
    fn like_topics_lie_together_and_few_topics_have_places() {
        let h = [5.0, 5.0, 0.0, 0.0, 4.0, 6.0, 0.1, 0.0, 0.0, 0.0, 1.0, 1.0];
        let places = positions(&Topics::new(&[], &h, 3), 4);
        let distance =
            |a: usize, b: usize| (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1]);
        assert!(distance(0, 1) < 0.3 * distance(0, 2), "{places:?}");
        assert_eq!(
            positions(&Topics::new(&[], &[1.0, 2.0], 1), 2),
            [[0.0, 0.0]]
        );
        let empty = positions(&Topics::new(&[], &[0.0; 4], 2), 2);
        assert!(empty.iter().flatten().all(|place| place.is_finite()));
    }
}
