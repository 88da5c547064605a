//! A V that is read while it is walked: the same bits as in memory, one reading an iteration, and errors of the reader.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::elsewhere::go_on;
use crate::common::{Findings, bits, losses, mapped, random, short};
use partwise::remote::{Partition, Transport};
use partwise::{
    Dense, Error, Factorization, Float, Init, Loss, Matrix, Nmf, RowBlocks, Solver, Start,
    truncated_svd,
};

/// Rows that count what is read of them, and fail from some row on.
pub(crate) struct Rows<'a, T> {
    dense: &'a Dense<T>,
    pub(crate) read: AtomicUsize,
    fails_from: usize,
    /// The first row of each reading.
    order: Mutex<Vec<usize>>,
}

impl<'a, T> Rows<'a, T> {
    pub(crate) fn of(dense: &'a Dense<T>) -> Self {
        Self {
            dense,
            read: AtomicUsize::new(0),
            fails_from: usize::MAX,
            order: Mutex::default(),
        }
    }
}

impl<T: Float> RowBlocks<T> for Rows<'_, T> {
    fn rows(&self) -> usize {
        self.dense.rows()
    }

    fn cols(&self) -> usize {
        self.dense.cols()
    }

    fn read(
        &self,
        first: usize,
        out: &mut [T],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let cols = self.dense.cols();
        let before = self.read.fetch_add(out.len() / cols, Ordering::Relaxed);
        if before >= self.fails_from {
            return Err(format!("the disk is gone at row {first}").into());
        }
        self.order.lock().unwrap().push(first);
        let from = first * cols;
        out.copy_from_slice(&self.dense.as_slice()[from..from + out.len()]);
        Ok(())
    }
}

/// A fit of the same V in memory and read, in rows or in columns.
fn both<T: Float>(
    nmf: &Nmf,
    dense: &Dense<T>,
    by_columns: bool,
    start: Start<'_, T>,
) -> [Result<Factorization<T>, Error>; 2] {
    let turned = dense.transposed();
    let lines = Rows::of(if by_columns { &turned } else { dense });
    let (held, streamed) = if by_columns {
        let values = turned.as_slice();
        let held = Matrix::column_major(values, dense.rows(), dense.cols()).unwrap();
        (held, Matrix::streamed(&lines).transpose())
    } else {
        (Matrix::from(dense), Matrix::streamed(&lines))
    };
    [held, streamed].map(|v| {
        let mut go_on = |_: &partwise::Progress| std::ops::ControlFlow::Continue(());
        nmf.fit_with(&[v], start, &mut go_on)
    })
}

fn same_bits<T: Float>(
    findings: &mut Findings,
    what: &str,
    [held, streamed]: [Result<Factorization<T>, Error>; 2],
) {
    let (held, streamed) = (held.unwrap(), streamed.unwrap());
    findings.check(bits(&held) == bits(&streamed), || {
        format!(
            "{what}: {:e} in memory, {:e} read",
            held.objective, streamed.objective
        )
    });
    findings.sound(&streamed, what);
}

/// Several runs of lines, the last of which is short: 4 MiB are 599 lines of 875 doubles, and 1198 of as many floats.
fn several_runs<T: Float>() -> Dense<T> {
    random(1300, 875, 1.0, 3)
}

#[test]
fn every_solver_that_can_stream_gives_the_bits_of_memory() {
    fn try_all<T: Float>(findings: &mut Findings) {
        let dense = several_runs::<T>();
        let small = random::<T>(70, 50, 0.9, 4);
        for solver in Solver::all().filter(|solver| solver.alike_in_blocks()) {
            for loss in losses() {
                let resolved = solver.resolve(loss);
                if !resolved.is_ok_and(Solver::alike_in_blocks) {
                    continue;
                }
                let nmf = short(3, solver, loss, 3).init("random".parse().unwrap());
                for by_columns in [false, true] {
                    let what = format!("{solver} {loss} {} by columns: {by_columns}", T::NAME);
                    let v = if loss.needs_positive() {
                        mapped(&small, |v| v + 0.1)
                    } else {
                        small.clone()
                    };
                    same_bits(
                        findings,
                        &what,
                        both(&nmf, &v, by_columns, Start::default()),
                    );
                    if [2.0, 1.0].contains(&loss.beta()) {
                        let nmf = nmf.clone().threads(NonZeroUsize::new(2));
                        let fits = both(&nmf, &dense, by_columns, Start::default());
                        same_bits(findings, &what, fits);
                    }
                }
            }
        }
    }
    let mut findings = Findings::default();
    try_all::<f64>(&mut findings);
    try_all::<f32>(&mut findings);
    findings.finish();
}

#[test]
fn every_start_and_the_sketch_give_the_bits_of_memory() {
    let mut findings = Findings::default();
    let dense = several_runs::<f64>();
    for init in Init::all() {
        for solver in ["sketched", "hals"] {
            let solver: Solver = solver.parse().unwrap();
            let nmf = short(4, solver, Loss::FROBENIUS, 6).init(init);
            for by_columns in [false, true] {
                let what = format!("{init} {solver} by columns: {by_columns}");
                let fits = both(&nmf, &dense, by_columns, Start::default());
                same_bits(&mut findings, &what, fits);
            }
        }
    }
    // What auto takes here begins on a sketch.
    let fits = both(&Nmf::new(4), &dense, false, Start::default());
    assert_eq!(fits[1].as_ref().unwrap().solver.name(), "sketched");
    same_bits(&mut findings, "auto", fits);
    let several = Nmf::new(4).n_init(NonZeroUsize::new(3).unwrap());
    same_bits(
        &mut findings,
        "three starts",
        both(&several, &dense, false, Start::default()),
    );
    findings.finish();
}

#[test]
fn any_shape_and_any_number_of_threads_give_the_bits_of_memory() {
    let mut findings = Findings::default();
    for (rows, cols) in [
        (1, 1),
        (1, 40),
        (40, 1),
        (2, 5_000),
        (200_000, 2),
        (599, 875),
        (600, 875),
    ] {
        let dense = random::<f64>(rows, cols, 1.0, 7);
        for solver in ["hals", "mu"] {
            for threads in [1, 2, 3] {
                let loss = if solver == "mu" {
                    Loss::KULLBACK_LEIBLER
                } else {
                    Loss::FROBENIUS
                };
                let nmf = short(2, solver.parse().unwrap(), loss, 2)
                    .init("random".parse().unwrap())
                    .threads(NonZeroUsize::new(threads));
                // A single row lies together in either order, and is walked as a row.
                for by_columns in [false, true].into_iter().take(rows.min(2)) {
                    let what = format!(
                        "{rows} x {cols} {solver}, {threads} threads, by columns: {by_columns}"
                    );
                    same_bits(
                        &mut findings,
                        &what,
                        both(&nmf, &dense, by_columns, Start::default()),
                    );
                }
            }
        }
    }
    findings.finish();
}

#[test]
fn a_held_factor_and_a_transform_give_the_bits_of_memory() {
    let mut findings = Findings::default();
    let dense = several_runs::<f64>();
    let model = short(3, Solver::auto(), Loss::FROBENIUS, 5)
        .fit(&Matrix::from(&dense))
        .unwrap();
    for (w, h, hold) in [
        (None, Some(&model.h), partwise::Factor::H),
        (Some(&model.w), None, partwise::Factor::W),
    ] {
        let start = Start {
            w,
            h,
            hold: Some(hold),
            ..Start::default()
        };
        for by_columns in [false, true] {
            let fits = both(&Nmf::new(3), &dense, by_columns, start);
            same_bits(
                &mut findings,
                &format!("{hold:?} held, by columns: {by_columns}"),
                fits,
            );
        }
    }
    findings.finish();
    // V Hᵀ is made in one reading and serves every iteration; the first look and the last are two more.
    let lines = Rows::of(&dense);
    let fit = Nmf::new(3)
        .transform(&Matrix::streamed(&lines), &model.h)
        .unwrap();
    assert!(fit.iterations > 3);
    let readings = lines.read.load(Ordering::Relaxed) / dense.rows();
    assert!(
        readings <= 5,
        "{readings} readings for {} iterations",
        fit.iterations
    );
}

/// Where no whole column is at hand, a factor that begins at zero would stay there.
#[test]
fn a_held_factor_of_another_loss_lets_the_other_one_be_found() {
    let dense = random::<f64>(60, 40, 1.0, 3);
    let loss = Loss::KULLBACK_LEIBLER;
    let nmf = short(3, Solver::auto(), loss, 300);
    let model = nmf.fit(&Matrix::from(&dense)).unwrap();
    let expected = nmf.transform(&Matrix::from(&dense), &model.h).unwrap();
    let near = |found: f64, what: &str| {
        let ratio = found / expected.objective;
        assert!((0.999..1.01).contains(&ratio), "{what}: {ratio}");
    };
    let turned = dense.transposed();
    let lines = Rows::of(&turned);
    let streamed = Matrix::streamed(&lines).transpose();
    let found = nmf.transform(&streamed, &model.h).unwrap();
    near(found.objective, "by columns");
    let [upper, lower] = [0..25, 25..60].map(|rows| {
        let values = rows.clone().flat_map(|i| dense.row(i).to_vec());
        Dense::from_rows(values.collect(), rows.len(), 40).unwrap()
    });
    let start = Start {
        w: Some(&model.w),
        hold: Some(partwise::Factor::W),
        ..Start::default()
    };
    let blocks = [Matrix::from(&upper), Matrix::from(&lower)];
    let found = nmf.fit_with(&blocks, start, &mut go_on).unwrap();
    near(found.objective, "in blocks");
}

#[test]
fn an_iteration_reads_every_row_once_and_in_order() {
    let dense = several_runs::<f64>();
    let readings = |solver: &str, loss, iterations| {
        let lines = Rows::of(&dense);
        let nmf =
            short(3, solver.parse().unwrap(), loss, iterations).init("random".parse().unwrap());
        nmf.fit(&Matrix::streamed(&lines)).unwrap();
        let order = lines.order.into_inner().unwrap();
        // Each walk goes down: the number of its beginnings is that of the readings.
        let walks = order.iter().filter(|&&first| first == 0).count();
        let falls = order.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert_eq!(walks, falls + 1);
        assert_eq!(lines.read.into_inner(), walks * dense.rows());
        walks
    };
    for solver in ["hals", "cd", "anls"] {
        let more = readings(solver, Loss::FROBENIUS, 9) - readings(solver, Loss::FROBENIUS, 4);
        assert_eq!(more, 5, "{solver}");
    }
    // The divergence of the factors of an iteration takes a reading of its own.
    let more =
        readings("mu", Loss::KULLBACK_LEIBLER, 9) - readings("mu", Loss::KULLBACK_LEIBLER, 4);
    assert_eq!(more, 10);
}

#[test]
fn newton_takes_multiplicative_steps_for_h_and_falls() {
    let mut findings = Findings::default();
    let dense = several_runs::<f64>();
    let nmf = short(3, Solver::auto(), Loss::KULLBACK_LEIBLER, 6);
    let fits = [1, 2].map(|threads| {
        let lines = Rows::of(&dense);
        let nmf = nmf.clone().threads(NonZeroUsize::new(threads));
        nmf.fit(&Matrix::streamed(&lines)).unwrap()
    });
    assert_eq!(fits[0].solver.name(), "newton");
    assert_eq!(bits(&fits[0]), bits(&fits[1]));
    findings.sound(&fits[0], "newton");
    findings.falls(
        &fits[0],
        crate::common::scale_of(&dense, Loss::KULLBACK_LEIBLER),
        "newton",
    );
    findings.finish();
    assert!(fits[0].objective < 0.9 * fits[0].trace[0].objective);
}

#[test]
fn a_reader_that_fails_ends_the_fit_with_its_reason() {
    let dense = several_runs::<f64>();
    // In the first look, in the start, and in some iteration.
    for fails_from in [0, 1300, 1900, 3 * 1300, 20_000] {
        for threads in [1, 2] {
            let lines = Rows {
                fails_from,
                ..Rows::of(&dense)
            };
            let nmf =
                short(3, Solver::auto(), Loss::FROBENIUS, 50).threads(NonZeroUsize::new(threads));
            let error = nmf.fit(&Matrix::streamed(&lines)).unwrap_err();
            assert!(matches!(error, Error::Read { .. }), "{error}");
            let text = error.to_string();
            assert!(
                text.starts_with("V cannot be read any further: the disk is gone at row "),
                "{text}"
            );
        }
    }
    let lines = Rows {
        fails_from: 2000,
        ..Rows::of(&dense)
    };
    let error = truncated_svd(&Matrix::streamed(&lines), 3, 0, None).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

/// Two partitions that read their rows.
struct OnDisk<'a> {
    blocks: &'a [Rows<'a, f64>],
    partitions: Vec<Partition<f64>>,
    error: Option<Error>,
}

impl Transport for OnDisk<'_> {
    fn partitions(&self) -> usize {
        self.blocks.len()
    }

    fn ask_each(&mut self, _: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        let mut answers = Vec::new();
        for ((partition, block), question) in
            (self.partitions.iter_mut().zip(self.blocks)).zip(questions)
        {
            match partition.answer(&Matrix::streamed(block), question) {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    self.error = Some(error.clone());
                    return Err(error.to_string());
                }
            }
        }
        Ok(answers)
    }
}

#[test]
fn a_partition_that_cannot_read_its_rows_says_so() {
    let (first, second) = (
        random::<f64>(700, 30, 1.0, 5),
        random::<f64>(600, 30, 1.0, 6),
    );
    let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 50);
    // In the first look, in the start, in some iteration; and not at all.
    for fails_from in [0, 600, 1900, 6000, usize::MAX] {
        for threads in [1, 2] {
            let blocks = [
                Rows::of(&first),
                Rows {
                    fails_from,
                    ..Rows::of(&second)
                },
            ];
            let partition = |index| Partition::new(index, NonZeroUsize::new(threads));
            let mut there = OnDisk {
                blocks: &blocks,
                partitions: (0..2).map(partition).collect(),
                error: None,
            };
            let found = nmf.fit_remote::<f64>(&mut there, Start::default(), &mut go_on);
            if fails_from == usize::MAX {
                let held = [Matrix::from(&first), Matrix::from(&second)];
                let expected = nmf.fit_with(&held, Start::default(), &mut go_on).unwrap();
                assert_eq!(found.unwrap().h.as_slice(), expected.h.as_slice());
                continue;
            }
            let reason = "V cannot be read any further: the disk is gone at row ";
            let error = found.unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            let Some(own @ Error::Read { .. }) = &there.error else {
                panic!("{fails_from}: {:?}", there.error);
            };
            assert!(own.to_string().starts_with(reason), "{own}");
        }
    }
}

#[test]
fn a_bad_entry_is_named_at_its_place() {
    let mut dense = several_runs::<f64>();
    dense.as_mut_slice()[1201 * 875 + 13] = -2.0;
    dense.as_mut_slice()[1299 * 875 + 13] = f64::NAN;
    for fit in both(&Nmf::new(2), &dense, false, Start::default()) {
        let expected = Error::Negative {
            matrix: "V",
            value: -2.0,
            row: 1201,
            col: 13,
        };
        assert_eq!(fit.unwrap_err(), expected);
    }
    let [held, streamed] = both(&Nmf::new(2), &dense, true, Start::default());
    assert_eq!(held.unwrap_err(), streamed.unwrap_err());
}

#[test]
fn what_needs_v_in_memory_says_so() {
    let dense = random::<f64>(20, 10, 1.0, 1);
    let (lines, turned) = (Rows::of(&dense), dense.transposed());
    let columns = Rows::of(&turned);
    let v = Matrix::streamed(&lines);
    let mut go_on = |_: &partwise::Progress| std::ops::ControlFlow::Continue(());
    let weighting = partwise::Weighting {
        missing: partwise::Missing::Nan,
        ..Default::default()
    };
    let error = Nmf::new(2)
        .fit_weighted(&v, &weighting, Start::default(), &mut go_on)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "V = streamed: a fit where entries are missing or weighted expects V in memory"
    );
    // One block of several is walked by rows.
    let blocks = [v, Matrix::streamed(&columns).transpose()];
    let error = Nmf::new(2)
        .fit_with(&blocks, Start::default(), &mut go_on)
        .unwrap_err();
    assert!(error.to_string().contains("must give its rows"), "{error}");
    // Several blocks of rows are fine, and the bits those of the same blocks in memory.
    let nmf = short(2, Solver::auto(), Loss::FROBENIUS, 4);
    let read = nmf.fit_with(&[v, v], Start::default(), &mut go_on).unwrap();
    let held = [Matrix::from(&dense); 2];
    let held = nmf.fit_with(&held, Start::default(), &mut go_on).unwrap();
    assert_eq!(bits(&read), bits(&held));
}
