//! A map of topics: points in the plane whose distances are about those of the topics' terms.
//!
//! The distance of two topics is Hellinger's, √(1 − Σ √(p q)) over their distributions of terms. Classical scaling
//! (W. Torgerson, 1952) then centres the matrix of −½ d² and takes its two leading eigenvectors, by Jacobi's rotations, of many
//! topics after orthogonal iteration.

use super::{Topics, Weight};

/// Rotations over the whole matrix at most; a few are enough for any matrix.
const SWEEPS: usize = 50;
/// Topics up to which all eigenvectors are found; how many vectors are iterated beyond, and how often at most.
const FEW: usize = 64;
const BLOCK: usize = 12;
const TURNS: usize = 300;

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
    let (values, vectors) = leading(&mut centred, n);
    let axes: Vec<f64> = (0..values.len())
        .map(|axis| {
            // The sign of an eigenvector is open: the largest entry is taken as positive.
            let column = (0..n).map(|row| vectors[axis * n + row]);
            let largest = column.fold(
                0.0,
                |a: f64, b| if b.abs() > a.abs() + 1e-12 { b } else { a },
            );
            values[axis].max(0.0).sqrt() * if largest < 0.0 { -1.0 } else { 1.0 }
        })
        .collect();
    (0..n)
        .map(|row| {
            let mut place = [0.0; 2];
            for (axis, (coordinate, scale)) in place.iter_mut().zip(&axes).enumerate() {
                *coordinate = vectors[axis * n + row] * scale;
            }
            place
        })
        .collect()
}

/// The two largest eigenvalues of a symmetric matrix, n × n, that has none far below zero, and their eigenvectors, one behind the other.
///
/// All of them where they are few; else by orthogonal iteration of some vectors more than two, and Jacobi's method within them.
fn leading(matrix: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    if n <= FEW {
        let mut vectors = eigenvectors(matrix, n);
        let (values, order) = descending(matrix, n);
        vectors = order
            .iter()
            .flat_map(|axis| {
                (0..n)
                    .map(|row| vectors[row * n + axis])
                    .collect::<Vec<_>>()
            })
            .collect();
        return (values, vectors);
    }
    // A start of any directions, the same each time.
    let mut basis: Vec<f64> = (0..BLOCK * n)
        .map(|at| ((at as f64 + 1.0) * 0.754_877_666).fract() - 0.5)
        .collect();
    orthonormalise(&mut basis, n);
    let (mut before, mut turn) = ([0.0; 2], 0);
    loop {
        let mut images: Vec<f64> = Vec::with_capacity(BLOCK * n);
        for vector in basis.chunks_exact(n) {
            images.extend(matrix.chunks_exact(n).map(|row| dot(row, vector)));
        }
        let mut within: Vec<f64> = basis
            .chunks_exact(n)
            .flat_map(|a| images.chunks_exact(n).map(move |b| dot(a, b)))
            .collect();
        let turned = eigenvectors(&mut within, BLOCK);
        let (values, order) = descending(&within, BLOCK);
        let settled = |(now, before): (&f64, &f64)| (now - before).abs() <= 1e-9 * values[0].abs();
        if turn == TURNS || values.iter().zip(&before).all(settled) {
            let vectors = order.iter().flat_map(|axis| {
                let mut vector = vec![0.0; n];
                for (at, part) in basis.chunks_exact(n).enumerate() {
                    let share = turned[at * BLOCK + axis];
                    vector
                        .iter_mut()
                        .zip(part)
                        .for_each(|(sum, x)| *sum += share * x);
                }
                vector
            });
            return (values, vectors.collect());
        }
        before = [values[0], values[1]];
        basis = images;
        orthonormalise(&mut basis, n);
        turn += 1;
    }
}

/// The two largest numbers on the diagonal of a matrix, and where they stand.
fn descending(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<usize>) {
    let value = |axis: usize| matrix[axis * n + axis];
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| value(*b).total_cmp(&value(*a)));
    order.truncate(2);
    (order.iter().map(|axis| value(*axis)).collect(), order)
}

/// Makes vectors of length n orthonormal, one after the other (modified Gram-Schmidt, twice).
fn orthonormalise(vectors: &mut [f64], n: usize) {
    for at in 0..vectors.len() / n {
        let (before, rest) = vectors.split_at_mut(at * n);
        let vector = &mut rest[..n];
        for other in before.chunks_exact(n).chain(before.chunks_exact(n)) {
            let share = dot(other, vector);
            vector
                .iter_mut()
                .zip(other)
                .for_each(|(x, y)| *x -= share * y);
        }
        let length = dot(vector, vector).sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|x| *x /= length);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
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
        let spiral = |i: i32| {
            let turn = f64::from(i) * 0.7;
            [turn.cos() * turn.sqrt(), turn.sin() * turn]
        };
        let many: Vec<_> = (0..150).map(spiral).collect();
        for points in [&points[..], &many] {
            let wanted = squares(points);
            let most = wanted.iter().copied().fold(0.0, f64::max);
            let found = squares(&scaled(&wanted, points.len()));
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!(
                    (found - wanted).abs() < 1e-10 * most,
                    "{found} instead of {wanted}"
                );
            }
        }
    }

    #[test]
    fn many_topics_have_the_eigenvectors_of_all_rotations() {
        let n = 2 * FEW;
        // Inner products of vectors whose lengths fall off.
        let entry = |i: usize, j: usize| {
            let mixed = (i * n + j) as f64 * 0.618_033_988_749_894_9;
            (mixed.fract() - 0.5) / (1.0 + j as f64)
        };
        let mut matrix: Vec<f64> = (0..n * n)
            .map(|at| (0..n).map(|j| entry(at / n, j) * entry(at % n, j)).sum())
            .collect();
        let (values, vectors) = leading(&mut matrix.clone(), n);
        let all = eigenvectors(&mut matrix, n);
        let (wanted, order) = descending(&matrix, n);
        for (axis, (value, wanted)) in values.iter().zip(&wanted).enumerate() {
            assert!((value - wanted).abs() < 1e-8 * wanted, "{value} {wanted}");
            let column: Vec<f64> = (0..n).map(|row| all[row * n + order[axis]]).collect();
            let common = dot(&column, &vectors[axis * n..][..n]).abs();
            assert!(common > 0.999, "{common}");
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
