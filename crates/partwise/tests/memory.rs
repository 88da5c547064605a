//! What a fit takes beyond V: the factors, their statistics and a bounded work space; of a sparse V one twin. What many fits and long
//! ones leave behind: nothing.
//!
//! A binary of its own, because the allocator that counts is that of the whole process.

#[path = "all/common/mod.rs"]
mod common;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Barrier, Mutex, PoisonError};

use common::{Storage, Stored, bits, pairs, short, uniform};
use partwise::{
    Dense, Error, Float, Init, Loss, Matrix, Nmf, Observer, Progress, Solver, Start, State,
    StopReason, TracePoint,
};
use peak_alloc::PeakAlloc;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Only one test may allocate at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The part of the promise that does not depend on the shape.
const WORK_SPACE: u64 = 64 << 20;

/// The most that was allocated during a fit beyond what stood before, and what `memory_needed` says.
fn measure<T: Float>(nmf: &Nmf, v: &Matrix<'_, T>) -> (u64, u64) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let model = nmf.fit(v).unwrap();
    let peak = ALLOCATOR.peak_usage() - before;
    drop(model);
    (peak as u64, nmf.memory_needed(v))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Checks a fit against `memory_needed`, and that against what a fit takes and may take.
fn check<T: Float>(nmf: &Nmf, v: &Matrix<'_, T>, promised: u64, what: &str) {
    let (peak, needed) = measure(nmf, v);
    let shown = (megabytes(peak), megabytes(needed), megabytes(promised));
    assert!(peak <= needed, "{what}: took {}, said {}", shown.0, shown.1);
    assert!(
        needed <= promised,
        "{what}: said {}, promised {}",
        shown.1,
        shown.2
    );
    assert!(
        needed.saturating_sub(WORK_SPACE) <= 5 * peak,
        "{what}: took {}, said {}",
        shown.0,
        shown.1
    );
}

/// Columns that a start takes beside the components.
fn extra_columns(init: Init) -> usize {
    if init.name().starts_with("nndsvd") {
        10
    } else {
        2
    }
}

/// The promise for the factors: four times their size, with the sketch where a start needs one, and Gram matrices.
fn promise<T: Float>(rows: usize, cols: usize, rank: usize, init: Init) -> u64 {
    let factors = 4 * (rows + cols) * (rank + extra_columns(init)) * size_of::<T>();
    (factors + 64 * rank * rank * 8) as u64 + WORK_SPACE
}

fn filled<T: Float>(count: usize) -> Vec<T> {
    let value = |i: usize| T::from_f64(0.5 + (i.wrapping_mul(2_654_435_761) % 1009) as f64 / 1e3);
    (0..count).map(value).collect()
}

#[test]
fn a_large_dense_matrix_is_not_copied() {
    fn try_all<T: Float>(rows: usize, cols: usize) {
        let values = filled::<T>(rows * cols);
        let bytes = (values.len() * size_of::<T>()) as u64;
        for (order, v) in [
            ("row-major", Matrix::row_major(&values, rows, cols).unwrap()),
            (
                "column-major",
                Matrix::column_major(&values, rows, cols).unwrap(),
            ),
        ] {
            for (solver, loss, init, rank) in [
                ("cd", Loss::FROBENIUS, "nndsvda", 5),
                ("als", Loss::FROBENIUS, "spa", 5),
                ("mu", Loss::KULLBACK_LEIBLER, "random", 5),
            ] {
                let (solver, init) = (solver.parse().unwrap(), init.parse().unwrap());
                let what = format!("{rows} x {cols} {} {order} {solver} {init}", T::NAME);
                let nmf = short(rank, solver, loss, 2).init(init);
                let (peak, _) = measure(&nmf, &v);
                let promised = promise::<T>(rows, cols, rank, init);
                assert!(promised < bytes, "{what}: the test is too small to tell");
                assert!(peak <= promised, "{what}: {}", megabytes(peak));
            }
        }
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    try_all::<f64>(3400, 3000);
    try_all::<f32>(5000, 4200);
}

#[test]
fn a_fit_that_begins_in_single_precision_takes_no_more() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let nmf = |loss| short(3, Solver::auto(), loss, 22).init("random".parse().unwrap());
    let fits = |nmf: &Nmf, v: &Matrix<'_, f64>| nmf.fit(v).unwrap().single_iterations > 0;
    let (rows, cols) = (3000, 2000);
    let values = filled::<f64>(rows * cols);
    for v in [
        Matrix::row_major(&values, rows, cols).unwrap(),
        Matrix::column_major(&values, rows, cols).unwrap(),
    ] {
        let nmf = nmf(Loss::FROBENIUS);
        assert!(fits(&nmf, &v));
        let promised = promise::<f64>(rows, cols, 3, "random".parse().unwrap());
        let (peak, needed) = measure(&nmf, &v);
        assert!(
            peak <= needed && peak <= promised,
            "took {peak}, said {needed}"
        );
    }
    let (major, minor) = (40_000, 30_000);
    let Entries {
        offsets,
        indices,
        values,
    } = entries(major, minor, 110);
    let v = Matrix::csr(major, minor, &offsets, &indices, &values).unwrap();
    let twin = values.len() * 12 + 16 * 2 * minor;
    let promised = promise::<f64>(major, minor, 3, "random".parse().unwrap()) + twin as u64;
    let nmf = nmf(Loss::FROBENIUS);
    assert!(fits(&nmf, &v));
    let (peak, needed) = measure(&nmf, &v);
    assert!(peak <= needed, "took {peak}, said {needed}");
    assert!(peak <= promised, "took {peak}, promised {promised}");
    // Of a V that is too large no copy is made.
    let values = filled::<f64>(4100 * 3200);
    let v = Matrix::row_major(&values, 4100, 3200).unwrap();
    assert!(!fits(&nmf, &v));
}

#[test]
fn the_factors_are_held_a_few_times_only() {
    // Factors far larger than the work space. Row by row the long one goes with the lines, column by column the other.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (rows, cols) = (100_000, 10);
    let values = filled::<f64>(rows * cols);
    for v in [
        Matrix::row_major(&values, rows, cols).unwrap(),
        Matrix::column_major(&values, rows, cols).unwrap(),
    ] {
        for (solver, loss, init, rank, iterations) in [
            ("cd", Loss::FROBENIUS, "random", 60, 1),
            ("hals", Loss::FROBENIUS, "random", 60, 3),
            ("newton", Loss::KULLBACK_LEIBLER, "random", 40, 2),
            ("als", Loss::FROBENIUS, "random", 40, 2),
            ("mu", Loss::KULLBACK_LEIBLER, "random", 60, 1),
            ("mu", Loss::ITAKURA_SAITO, "random", 60, 1),
            ("cd", Loss::FROBENIUS, "nndsvd", 2, 1),
            ("cd", Loss::FROBENIUS, "spa", 10, 1),
        ] {
            let (solver, init): (Solver, Init) = (solver.parse().unwrap(), init.parse().unwrap());
            let nmf = short(rank, solver, loss, iterations).init(init);
            let what = format!("{rows} x {cols} {solver} {loss} {init} k={rank}");
            check(&nmf, &v, promise::<f64>(rows, cols, rank, init), &what);
        }
    }
}

/// Entries spread at random, at most one for each place.
struct Entries {
    offsets: Vec<i64>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

fn entries(major: usize, minor: usize, in_line: usize) -> Entries {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut entries = Entries {
        offsets: vec![0],
        indices: Vec::new(),
        values: Vec::new(),
    };
    for _ in 0..major {
        // One in each of `in_line` equal ranges.
        let range = minor / in_line;
        for part in 0..in_line {
            let within = (uniform(&mut rng) * range as f64) as usize;
            entries.indices.push((part * range + within) as u32);
            entries.values.push(0.1 + uniform(&mut rng));
        }
        entries.offsets.push(entries.indices.len() as i64);
    }
    entries
}

#[test]
fn a_sparse_matrix_is_never_made_dense_nor_multiplied_by_the_rank() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Dense this would be 24 GB.
    let (major, minor) = (50_000, 60_000);
    let Entries {
        offsets,
        indices,
        values,
    } = entries(major, minor, 20);
    for v in [
        Matrix::csr(major, minor, &offsets, &indices, &values).unwrap(),
        Matrix::csc(minor, major, &offsets, &indices, &values).unwrap(),
    ] {
        let (rows, cols) = (v.rows(), v.cols());
        for (solver, init, rank) in [("cd", "random", 60), ("als", "nndsvd", 4), ("cd", "spa", 4)] {
            let (solver, init): (Solver, Init) = (solver.parse().unwrap(), init.parse().unwrap());
            let twin = (values.len() * (8 + 4) + 16 * rows.max(cols)) as u64;
            let promised = promise::<f64>(rows, cols, rank, init) + twin;
            if rank == 60 {
                let product = (values.len() * rank * 8) as u64;
                assert!(2 * promised < 3 * product, "the test is too small to tell");
            }
            let nmf = short(rank, solver, Loss::FROBENIUS, 2).init(init);
            let what = format!("{rows} x {cols} {solver} {init} k={rank}");
            check(&nmf, &v, promised, &what);
            // Lean: in place of the twin what the rows say of the columns, in twice the room of their factor.
            let extra = extra_columns(init);
            let across = (minor * (2 * 8 * (rank + extra) + 1)) as u64;
            let promised = promise::<f64>(rows, cols, rank, init) + across;
            check(&nmf, &v.lean(), promised, &format!("lean {what}"));
        }
    }
}

#[test]
fn a_sparse_divergence_needs_no_more() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (major, minor) = (6000, 4000);
    let Entries {
        offsets,
        indices,
        values,
    } = entries(major, minor, 300);
    for v in [
        Matrix::csr(major, minor, &offsets, &indices, &values).unwrap(),
        Matrix::csc(minor, major, &offsets, &indices, &values).unwrap(),
    ] {
        let init: Init = "random".parse().unwrap();
        let (rows, cols, rank) = (v.rows(), v.cols(), 16);
        let twin = (values.len() * (8 + 4) + 16 * rows.max(cols)) as u64;
        let promised = promise::<f64>(rows, cols, rank, init) + twin;
        let (dense, product) = (8 * rows * cols, 8 * values.len() * rank);
        assert!(promised < dense.min(product) as u64, "too small to tell");
        let nmf = short(rank, Solver::auto(), Loss::KULLBACK_LEIBLER, 1).init(init);
        check(
            &nmf,
            &v,
            promised,
            &format!("{rows} x {cols} kullback-leibler"),
        );
    }
}

/// A factor of more than eight million entries is there as it is and as the best one, and not as it stood before it was carried on.
#[test]
fn the_largest_factors_are_there_twice() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (m, n, k) = ((1 << 20) + 1, 16, 8);
    let offsets: Vec<i64> = (0..=m as i64).collect();
    let indices: Vec<i32> = (0..m as i32).map(|i| i % n as i32).collect();
    let values = filled::<f32>(m);
    let v = Matrix::csr(m, n, &offsets, &indices, &values).unwrap();
    let v = v.lean();
    let w = (m * k * size_of::<f32>()) as u64;
    let nmf = short(k, "hals".parse().unwrap(), Loss::FROBENIUS, 3);
    let (peak, needed) = measure(&nmf.init("random".parse().unwrap()), &v);
    let most = w * 9 / 4;
    let shown = (megabytes(peak), megabytes(needed), megabytes(most));
    assert!(peak <= needed, "took {}, said {}", shown.0, shown.1);
    assert!(peak <= most, "took {} of {}", shown.0, shown.2);
}

#[test]
fn small_fits_take_less_than_they_say() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let v: Dense<f32> = common::random(300, 200, 1.0, 1);
    for (solver, loss) in pairs() {
        for init in Init::all() {
            let (peak, needed) = measure(&short(8, solver, loss, 2).init(init), &(&v).into());
            assert!(peak <= needed, "{solver} {loss} {init}: {peak} {needed}");
        }
    }
}

/// Threads of this process that fits work on, where the system names them.
fn workers() -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.flatten().filter_map(name);
    names.filter(|name| name.starts_with("partwise-")).count()
}

/// An observer that stops after some iterations, has a flag, and counts the bytes of states.
#[derive(Default)]
struct Watching {
    stop_at: usize,
    flag: Option<Arc<AtomicBool>>,
    keep_at: Vec<usize>,
    iteration: usize,
    states: Vec<usize>,
}

impl Observer for Watching {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.iteration = progress.iteration;
        if progress.iteration == self.stop_at {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.flag.clone()
    }

    fn wants_state(&mut self) -> bool {
        self.keep_at.contains(&self.iteration)
    }

    fn keep(&mut self, state: &mut State<'_>) {
        let mut bytes = Vec::new();
        state.write(&mut bytes).unwrap();
        self.states.push(bytes.len());
    }
}

/// Fits of every kind: all solvers, dense and sparse, with one to three threads; some are stopped, some interrupted.
fn fit_of_many(number: usize, dense: &Dense<f64>, sparse: &Stored<f64>) {
    let pairs = pairs();
    let (solver, loss) = pairs[number % pairs.len()];
    let nmf = short(3, solver, loss, 3)
        .seed(number as u64)
        .threads(NonZeroUsize::new(1 + number % 3));
    let v = match number % 2 {
        0 => Matrix::from(dense),
        _ => sparse.matrix(),
    };
    let interrupted = number.is_multiple_of(7);
    let mut observer = Watching {
        stop_at: 1 + number % 5,
        flag: interrupted.then(|| Arc::new(AtomicBool::new(true))),
        keep_at: vec![2],
        ..Watching::default()
    };
    let fitted = nmf.fit_with(&[v], Start::default(), &mut observer);
    match (interrupted, loss.needs_positive()) {
        (true, _) => assert!(fitted.is_err()),
        // There are zeros.
        (false, true) => assert!(matches!(fitted, Err(Error::ZeroEntry { .. }))),
        (false, false) => assert!(fitted.is_ok(), "{solver} {loss}"),
    }
}

#[test]
fn a_thousand_fits_leave_no_memory_and_no_threads_behind() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dense: Dense<f64> = common::random(40, 30, 0.7, 2);
    let sparse = Stored::of(&dense, Storage::Csr);
    // The first ones make the pools of threads.
    (0..100).for_each(|number| fit_of_many(number, &dense, &sparse));
    let (before, threads) = (ALLOCATOR.current_usage(), workers());
    (0..1000).for_each(|number| fit_of_many(number, &dense, &sparse));
    let left = ALLOCATOR.current_usage().saturating_sub(before);
    // A factor of each fit would be ten times as much.
    assert!(left <= 64 << 10, "{left} bytes are left");
    assert_eq!(workers(), threads);
}

#[test]
fn sixty_four_threads_at_once_get_the_bits_of_one() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let v: Dense<f64> = common::random(300, 80, 1.0, 3);
    let fit = |number: usize| {
        let nmf = short(4, Solver::auto(), Loss::FROBENIUS, 10)
            .seed((number % 4) as u64)
            .init("random".parse().unwrap())
            .threads(NonZeroUsize::new(2));
        bits(&nmf.fit(&Matrix::from(&v)).unwrap())
    };
    let expected: Vec<_> = (0..4).map(fit).collect();
    let threads = workers();
    let barrier = Barrier::new(64);
    std::thread::scope(|scope| {
        for number in 0..64 {
            let (fit, barrier, expected) = (&fit, &barrier, &expected);
            scope.spawn(move || {
                barrier.wait();
                assert!(fit(number) == expected[number % 4], "thread {number}");
            });
        }
    });
    assert_eq!(workers(), threads);
}

/// Fits that do not end by themselves: their trace, their memory and their states stay bounded.
#[test]
fn a_million_iterations_take_no_more_than_a_few() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let iterations = 1_000_000;
    let v: Dense<f64> = common::random(6, 5, 1.0, 4);
    for (solver, loss) in [
        ("hals", Loss::FROBENIUS),
        ("mu", Loss::FROBENIUS),
        ("newton", Loss::KULLBACK_LEIBLER),
    ] {
        let nmf = short(2, solver.parse().unwrap(), loss, iterations)
            .init("random".parse().unwrap())
            .threads(Some(NonZeroUsize::MIN));
        let mut observer = Watching {
            keep_at: vec![iterations / 2, iterations - 1],
            ..Watching::default()
        };
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let model = nmf
            .fit_with(&[Matrix::from(&v)], Start::default(), &mut observer)
            .unwrap();
        let peak = ALLOCATOR.peak_usage() - before;
        assert_eq!(model.stop, StopReason::MaxIterations, "{solver}");
        assert_eq!(model.iterations, iterations, "{solver}");
        let trace = &model.trace;
        assert!(
            trace.len() <= TracePoint::MOST + 2,
            "{solver}: {}",
            trace.len()
        );
        assert!(
            trace.len() >= TracePoint::MOST / 2,
            "{solver}: {}",
            trace.len()
        );
        assert!(trace[0].iteration <= 1, "{solver}");
        let last = trace[trace.len() - 1];
        assert_eq!(last.iteration, iterations, "{solver}");
        assert!(
            peak <= 2 << 20,
            "{solver}: {} at most",
            megabytes(peak as u64)
        );
        let most = TracePoint::MOST * size_of::<TracePoint>() + (16 << 10);
        assert!(observer.states.len() == 2, "{solver}");
        assert!(
            observer.states.iter().all(|&bytes| bytes <= most),
            "{solver}: {:?}",
            observer.states
        );
    }
}
