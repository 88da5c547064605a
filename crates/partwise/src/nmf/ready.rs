//! Many fits of one V and one rank, from other starts: what each would make of V alone is made once. A sketch is part of that, as it
//! is where one fit tries several starts: it stands for V and not for where to begin.

use std::time::Instant;

use super::task::Task;
use super::{Factorization, Nmf, Start};
use crate::course::Course;
use crate::matrix::{Blocks, Matrix, Rounded};
use crate::observe::Observer;
use crate::sketch::{self, Sketch};
use crate::threads::Threads;
use crate::{Error, Float, Solver};

/// V as fits walk over it: looked at, with its twin if it is sparse, and with its sketch where they begin on one that was made before.
pub(crate) struct Prepared<'v, T: Float> {
    pub(super) blocks: Blocks<'v, T>,
    pub(super) sketch: Option<Sketch<T>>,
}

impl<T: Float> Prepared<'_, T> {
    /// Makes the sketch of V.
    fn draw_sketch(&mut self, nmf: &Nmf, threads: &Threads) {
        let width = sketch::width(self.blocks.rows, self.blocks.cols, nmf.rank);
        self.sketch = Some(Sketch::of(&self.blocks, width, nmf.seed, threads));
    }
}

/// V for fits of one rank, in single precision, too, where they begin in that.
pub(crate) struct Ready<'v, T: Float> {
    v: Prepared<'v, T>,
    single: Option<Prepared<'v, T::Single>>,
    solver: Solver,
}

impl<'v, T: Float> Ready<'v, T> {
    /// A V in memory for fits like this one, which have no constraints; a sketch is drawn with this one's seed. `rounded` is what
    /// [`Nmf::rounded`] made of V.
    ///
    /// # Errors
    /// As [`Nmf::fit`].
    pub(crate) fn new(
        nmf: &Nmf,
        v: &Matrix<'v, T>,
        rounded: Option<&'v Rounded<'v, T>>,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let (rows, cols) = (v.rows(), v.cols());
        nmf.check()?;
        nmf.check_rank_size::<T>(rows, cols)?;
        let blocks = Blocks::new(&[*v], nmf.wanted(), nmf.signs(), threads)?;
        blocks.summary.check_loss::<T>(nmf.loss)?;
        let start = Start::<T>::default();
        nmf.check_start_size(&start, &blocks.summary)?;
        let solver = nmf.road(blocks.is_dense(), rows, cols)?;
        let rounded = rounded.filter(|_| nmf.fits_in_single(&blocks.summary, &start));
        let single = rounded.map(|rounded| nmf.in_single((v, rounded), &blocks));
        let mut single = single.transpose()?;
        let sketch = None;
        let mut v = Prepared { blocks, sketch };
        match &mut single {
            _ if !solver.sketches() => {}
            Some(single) => single.draw_sketch(nmf, threads),
            None => v.draw_sketch(nmf, threads),
        }
        Ok(Self { v, single, solver })
    }

    /// A fit like the one that V was made ready for, with another seed and other threads at most: [`Nmf::fit`] bit by bit, but
    /// for a sketch, which that would draw with its own seed.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn fit(
        &self,
        nmf: &Nmf,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let threads = Threads::new(nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| {
            let clock = Instant::now();
            let (blocks, start) = (&self.v.blocks, Start::default());
            let task = Task {
                nmf,
                blocks,
                given: &start,
                init: Some(nmf.init),
                solver: self.solver,
                sketch: self.v.sketch.as_ref(),
                constant: 0.0,
                beside: None,
                goes_on: false,
                threads: &threads,
            };
            let mut course = Course::unkept(nmf, observer, (blocks.rows, blocks.cols, nmf.rank));
            let begun = self.single.as_ref().map(|single| {
                let begin = (&start, task.init, task.solver);
                single.first_part(nmf, begin, &threads, &mut course)
            });
            let outcome = task.run(begun, &mut course);
            Ok(Factorization::of(&task, course, outcome, clock))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loss;
    use crate::init::Init;
    use crate::matrix::Dense;
    use std::num::NonZeroUsize;

    /// Four parts of eight of 32 columns each, in amounts that never repeat, and a little of everything.
    fn of_parts() -> Dense<f64> {
        let amount = |i: usize| (i as f64 * 0.618_033_988_75).fract();
        let entry = |at: usize| {
            let (i, j) = (at / 32, at % 32);
            amount(4 * i + j / 8 + 1) * (1.0 + amount(j)) + 0.1 * amount(at + 7)
        };
        Dense::from_rows((0..50 * 32).map(entry).collect(), 50, 32).unwrap()
    }

    #[test]
    fn fits_are_those_that_each_would_be_alone_on_the_same_sketch() {
        let v = of_parts();
        let v = Matrix::from(&v);
        for (solver, loss, brief) in [
            ("hals", Loss::FROBENIUS, true),
            ("cd", Loss::FROBENIUS, false),
            ("sketched", Loss::FROBENIUS, false),
            ("sketched", Loss::FROBENIUS, true),
            ("newton", Loss::KULLBACK_LEIBLER, true),
        ] {
            let mut nmf = Nmf::new(4).solver(solver.parse().unwrap()).loss(loss);
            nmf = nmf.init(Init::drawn()).seed(5).max_iter(60);
            nmf.brief = brief;
            let one = NonZeroUsize::new(1);
            let ready = [1, 3].map(|count| {
                let threads = Threads::new(NonZeroUsize::new(count));
                Ready::new(&nmf, &v, None, &threads).unwrap()
            });
            for seed in [5, 6] {
                let nmf = nmf.clone().seed(seed).threads(one);
                let [found, other] = ready
                    .each_ref()
                    .map(|ready| ready.fit(&nmf, &mut ()).unwrap());
                assert_eq!((&found.w, &found.h), (&other.w, &other.h));
                let alone = nmf.fit(&v).unwrap();
                let same = (&found.w, &found.h) == (&alone.w, &alone.h);
                assert_eq!(same, solver != "sketched" || seed == 5, "{solver} {seed}");
                if same {
                    let figures = |fit: &Factorization<f64>| {
                        (
                            fit.objective,
                            fit.divergence,
                            fit.relative_error,
                            fit.iterations,
                        )
                    };
                    assert_eq!(figures(&found), figures(&alone), "{solver} {seed}");
                }
            }
        }
    }

    /// What is known from the iterations of a fit that is not looked back at is what a look says.
    #[test]
    fn a_brief_fit_knows_how_good_it_is() {
        let v = of_parts();
        for penalty in [0.0, 1e-3] {
            let mut nmf = Nmf::new(4).solver("hals".parse().unwrap()).brief();
            nmf.penalty.alpha_w = penalty;
            nmf.penalty.alpha_h = penalty;
            let fit = nmf.fit(&Matrix::from(&v)).unwrap();
            let shown = fit.reconstruct();
            let pairs = v.as_slice().iter().zip(shown.as_slice());
            let squares = pairs.map(|(v, y)| (v - y) * (v - y)).sum::<f64>();
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b;
            assert!(near(fit.divergence, 0.5 * squares), "{penalty}");
            let norm = v.as_slice().iter().map(|v| v * v).sum::<f64>();
            assert!(
                near(fit.relative_error, (squares / norm).sqrt()),
                "{penalty}"
            );
            assert_eq!(fit.objective > fit.divergence, penalty > 0.0);
        }
    }
}
