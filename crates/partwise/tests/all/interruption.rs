//! A fit that is told to end at once does, wherever it is, and leaves the threads fit for work.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use partwise::{Dense, Error, Loss, Matrix, Nmf, Observer, Progress, Solver, Start};

/// An observer whose flag is set from elsewhere.
#[derive(Default)]
struct Flagged(Arc<AtomicBool>);

impl Observer for Flagged {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        Some(self.0.clone())
    }
}

#[test]
fn every_solver_can_be_interrupted_in_the_middle_of_an_iteration() {
    let values = (0..3000 * 200u64).map(|i| 0.1 + (i * 7919 % 1009) as f64 / 1009.0);
    let v = Dense::from_rows(values.collect(), 3000, 200).unwrap();
    for solver in Solver::all() {
        for threads in [1, 2] {
            let loss = if solver.handles(Loss::FROBENIUS) {
                Loss::FROBENIUS
            } else {
                Loss::KULLBACK_LEIBLER
            };
            let nmf = Nmf::new(20)
                .solver(solver)
                .loss(loss)
                .init("random".parse().unwrap())
                .tol(0.0)
                .max_iter(usize::MAX)
                .threads(NonZeroUsize::new(threads));
            let mut observer = Flagged::default();
            let flag = observer.0.clone();
            let (result, waited) = std::thread::scope(|scope| {
                let matrix = Matrix::from(&v);
                let (nmf, observer) = (&nmf, &mut observer);
                let fit = scope.spawn(move || {
                    nmf.fit_with(&[matrix], Start::default(), observer)
                        .map(|_| ())
                });
                std::thread::sleep(Duration::from_millis(60));
                flag.store(true, Ordering::Relaxed);
                let asked = Instant::now();
                (fit.join().expect("no panic"), asked.elapsed())
            });
            assert_eq!(result, Err(Error::Interrupted), "{solver}");
            assert!(waited < Duration::from_secs(5), "{solver}: {waited:?}");
            // The same threads work on.
            assert!(nmf.max_iter(2).fit(&Matrix::from(&v)).is_ok(), "{solver}");
        }
    }
}
