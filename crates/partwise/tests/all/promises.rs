//! The promises that hold for every solver, loss and storage: the same bits for any threads, an objective that falls,
//! no NaN, a fit that can be stopped, `unsafe` in one room.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::common::{Findings, Storage, Stored, bits, mapped, pairs, random, short};
use partwise::{
    Dense, Factor, Factorization, Float, Init, Loss, Matrix, Nmf, Penalty, Progress, Solver, Start,
    StopReason,
};

fn threads(count: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(count)
}

/// Fits with 1, 2 and 5 threads and fails unless all answers agree bit by bit.
fn check_threads<T: Float>(nmf: &Nmf, blocks: &[Matrix<'_, T>], what: &str) {
    let mut findings = Findings::default();
    let fit = |count| {
        let nmf = nmf.clone().threads(threads(count));
        nmf.fit_with(blocks, Start::default(), &mut |_: &Progress| {
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let one = fit(1);
    findings.sound(&one, what);
    for count in [2, 5] {
        assert_eq!(bits(&one), bits(&fit(count)), "{what}, {count} threads");
    }
    findings.finish();
}

#[test]
fn dense_answers_have_the_same_bits_for_any_threads() {
    // Large enough for two runs of lines, several blocks in each, and several tiles of columns, in both storages.
    let v = random::<f64>(340, 1600, 1.0, 1);
    let single: Dense<f32> = mapped(&random::<f64>(680, 1600, 1.0, 2), |v| v);
    for (solver, loss) in pairs() {
        // Powers take long: the two losses without them show that blocks are cut by shape, one with them that it
        // changes nothing.
        if ![2.0, 1.0, 0.5].contains(&loss.beta()) {
            continue;
        }
        for storage in [Storage::RowMajor, Storage::ColumnMajor] {
            let what = format!("{solver} {loss} {storage:?}");
            let nmf = short(3, solver, loss, 2).init("random".parse().unwrap());
            check_threads(&nmf, &[Stored::of(&v, storage).matrix()], &what);
            if loss.beta() != 0.5 {
                check_threads(&nmf, &[Stored::of(&single, storage).matrix()], &what);
            }
        }
    }
}

#[test]
fn small_answers_have_the_same_bits_for_any_threads_and_start() {
    fn check<T: Float>(v: &Dense<f64>) {
        let v: Dense<T> = mapped(v, |v| v);
        for storage in Storage::ALL {
            let stored = Stored::of(&v, storage);
            for (solver, loss) in pairs() {
                let what = format!("{solver} {loss} {storage:?} {}", T::NAME);
                check_threads(&short(4, solver, loss, 2), &[stored.matrix()], &what);
            }
            for init in Init::all() {
                let what = format!("{init} {storage:?} {}", T::NAME);
                let nmf = short(4, Solver::auto(), Loss::FROBENIUS, 3).init(init);
                check_threads(&nmf, &[stored.matrix()], &what);
            }
        }
    }
    // More columns than one tile or one block of sparse lines holds.
    let v = random::<f64>(60, 270, 1.0, 3);
    check::<f64>(&v);
    check::<f32>(&v);
}

#[test]
fn sparse_answers_have_the_same_bits_for_any_threads() {
    // More lines than one run of 64 blocks of 256 holds, and more columns than one block.
    let tall = random::<f64>(17_000, 300, 0.004, 4);
    let narrow = random::<f64>(17_000, 12, 0.1, 5);
    for storage in [Storage::Csr, Storage::Csc] {
        let (tall, narrow) = (Stored::of(&tall, storage), Stored::of(&narrow, storage));
        for (solver, loss) in pairs() {
            let what = format!("{solver} {loss} {storage:?}");
            if loss.needs_positive() {
                continue;
            }
            let nmf = short(3, solver, loss, 2).init("random".parse().unwrap());
            let v = if loss.is_quadratic() { &tall } else { &narrow };
            check_threads(&nmf, &[v.matrix()], &what);
        }
    }
}

#[test]
fn the_same_blocks_give_the_same_bits_for_any_threads() {
    let v = random::<f64>(600, 290, 0.4, 6);
    let cuts = [(0, 1), (1, 200), (200, 210), (210, 600)];
    let part = |(from, to): (usize, usize)| {
        let rows = v.as_slice()[from * 290..to * 290].to_vec();
        Dense::from_rows(rows, to - from, 290).unwrap()
    };
    // Each block in another storage.
    let blocks: Vec<_> = cuts
        .into_iter()
        .zip(Storage::ALL)
        .map(|(cut, storage)| Stored::of(&part(cut), storage))
        .collect();
    let views: Vec<_> = blocks.iter().map(Stored::matrix).collect();
    for (solver, loss) in pairs() {
        if loss.needs_positive() {
            continue;
        }
        let what = format!("{solver} {loss} in blocks");
        check_threads(&short(3, solver, loss, 2), &views, &what);
        // Other blocks of the same V differ by rounding only. `als` may follow rounding to another clipping.
        let road = solver.resolve(loss).unwrap();
        if road.descends() && road.alike_in_blocks() && road.alike_in_storages() {
            let fit = |blocks: &[Matrix<'_, f64>]| {
                short(3, solver, loss, 2)
                    .fit_with(blocks, Start::default(), &mut |_: &Progress| {
                        ControlFlow::Continue(())
                    })
                    .unwrap()
            };
            let (parts, whole) = (fit(&views), fit(&[(&v).into()]));
            let apart = (parts.objective - whole.objective).abs();
            assert!(
                apart <= 1e-9 * whole.objective,
                "{what}: {} whole, {} in blocks",
                whole.objective,
                parts.objective
            );
        }
    }
}

#[test]
fn one_seed_gives_one_answer_and_another_seed_another() {
    let v = random::<f64>(40, 30, 1.0, 7);
    for init in Init::all() {
        for (solver, loss) in pairs() {
            let fit = |seed| {
                let nmf = short(3, solver, loss, 2).init(init).seed(seed);
                bits(&nmf.fit(&(&v).into()).unwrap())
            };
            let what = format!("{init} {solver} {loss}");
            assert_eq!(fit(5), fit(5), "{what}");
            // `spa` draws nothing where V has k extreme rows, and the nndsvd starts draw a sketch that is only
            // rounding away from the singular vectors.
            if init.name() == "random" || init.name() == "nndsvdar" {
                assert_ne!(fit(5), fit(6), "{what}");
            }
        }
    }
}

/// The values behind some others, so that they begin at every place of a cache line.
fn shifted_copies(values: &[f64]) -> Vec<(usize, Vec<f64>)> {
    (0..8)
        .map(|shift| (shift, [&vec![0.0; shift], values].concat()))
        .collect()
}

#[test]
fn bits_do_not_depend_on_where_the_values_lie() {
    let dense = random::<f64>(101, 67, 1.0, 8);
    let thin = random::<f64>(101, 67, 0.3, 8);
    for rank in [1, 4] {
        for (solver, loss) in pairs() {
            let nmf = short(rank, solver, loss, 3);
            for storage in Storage::ALL {
                let sparse = matches!(storage, Storage::Csr | Storage::Csc);
                if sparse && loss.needs_positive() {
                    continue;
                }
                let mut stored = Stored::of(if sparse { &thin } else { &dense }, storage);
                let expected = bits(&nmf.fit(&stored.matrix()).unwrap());
                let values = std::mem::take(&mut stored.values);
                for (shift, copy) in shifted_copies(&values) {
                    let values = &copy[shift..];
                    let (m, n) = (stored.rows, stored.cols);
                    let v = match storage {
                        Storage::RowMajor => Matrix::row_major(values, m, n),
                        Storage::ColumnMajor => Matrix::column_major(values, m, n),
                        Storage::Csr => Matrix::csr(m, n, &stored.offsets, &stored.indices, values),
                        Storage::Csc => Matrix::csc(m, n, &stored.offsets, &stored.indices, values),
                    };
                    let found = bits(&nmf.fit(&v.unwrap()).unwrap());
                    assert_eq!(
                        expected, found,
                        "{solver} {loss} {storage:?} k={rank} {shift}"
                    );
                }
            }
        }
    }
}

#[test]
#[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
fn a_mapped_file_gives_the_same_bits_as_memory() {
    let v = random::<f64>(120, 90, 1.0, 9);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytemuck::cast_slice(v.as_slice())).unwrap();
    let opened = std::fs::File::open(file.path()).unwrap();
    // SAFETY: the file is this test's own, and nothing writes to it while it is mapped.
    let map = unsafe { memmap2::Mmap::map(&opened) }.unwrap();
    let values: &[f64] = bytemuck::cast_slice(&map);
    for (solver, loss) in pairs() {
        let nmf = short(3, solver, loss, 3);
        let in_memory = nmf.fit(&(&v).into()).unwrap();
        let from_file = nmf.fit(&Matrix::row_major(values, 120, 90).unwrap());
        assert_eq!(
            bits(&in_memory),
            bits(&from_file.unwrap()),
            "{solver} {loss}"
        );
        let reflected = nmf.fit(&Matrix::column_major(values, 90, 120).unwrap());
        let turned = Matrix::column_major(v.as_slice(), 90, 120).unwrap();
        let turned = nmf.fit(&turned).unwrap();
        assert_eq!(bits(&turned), bits(&reflected.unwrap()), "{solver} {loss}");
    }
}

#[test]
fn the_objective_never_rises() {
    fn check<T: Float>(v: &Dense<f64>, positive: bool, findings: &mut Findings) {
        let v: Dense<T> = mapped(v, |v| v);
        for storage in Storage::ALL {
            let stored = Stored::of(&v, storage);
            for (solver, loss) in pairs() {
                if !solver.descends() || loss.needs_positive() && !positive {
                    continue;
                }
                for penalty in crate::common::penalties() {
                    for init in ["random", "nndsvd"] {
                        let nmf = short(5, solver, loss, 25)
                            .init(init.parse().unwrap())
                            .penalty(penalty);
                        let model = nmf.fit(&stored.matrix()).unwrap();
                        let what =
                            format!("{solver} {loss} {storage:?} {init} {} {penalty:?}", T::NAME);
                        findings.sound(&model, &what);
                        let first = model.trace[0].objective;
                        findings.falls(&model, crate::common::scale_of(&v, loss).max(first), &what);
                        let last = model.trace.last().unwrap().objective;
                        let returned = model.objective;
                        findings.check(last == returned, || format!("{what}: {last} {returned}"));
                    }
                }
            }
        }
    }
    let mut findings = Findings::default();
    for (density, seed) in [(1.0, 10), (0.3, 11)] {
        let v = random::<f64>(34, 21, density, seed);
        check::<f64>(&v, density >= 1.0, &mut findings);
        check::<f32>(&v, density >= 1.0, &mut findings);
    }
    findings.finish();
}

#[test]
fn the_objective_falls_to_an_exact_fit_without_a_rise() {
    // V is exactly of rank 3, so that the expansion of the squared loss loses all of its digits on the way down.
    let (w, h) = (random::<f64>(30, 3, 1.0, 12), random::<f64>(3, 20, 1.0, 13));
    let v = partwise::reconstruct(&w, &h);
    let mut findings = Findings::default();
    for (solver, loss) in pairs() {
        if !solver.descends() {
            continue;
        }
        let model = short(3, solver, loss, 300).fit(&(&v).into()).unwrap();
        let what = format!("{solver} {loss} exact fit");
        findings.sound(&model, &what);
        findings.falls(&model, crate::common::scale_of(&v, loss), &what);
    }
    findings.finish();
}

/// Matrices at the edge of what is legal, by name.
fn edge_matrices() -> Vec<(String, Dense<f64>)> {
    let plain = random::<f64>(9, 7, 1.0, 20);
    let with = |name: &str, change: &dyn Fn(usize, usize, f64) -> f64| {
        let mut dense = plain.clone();
        for i in 0..9 {
            for j in 0..7 {
                dense.as_mut_slice()[i * 7 + j] = change(i, j, plain.get(i, j));
            }
        }
        (name.to_owned(), dense)
    };
    let mut list = vec![
        with("zero rows", &|i, _, v| if i % 4 == 0 { 0.0 } else { v }),
        with("zero columns", &|_, j, v| if j % 3 == 0 { 0.0 } else { v }),
        with("all zeros", &|_, _, _| 0.0),
        with("one entry", &|i, j, v| {
            if (i, j) == (4, 3) { v } else { 0.0 }
        }),
        with("identity", &|i, j, _| if i == j { 1.0 } else { 0.0 }),
        with("ones", &|_, _, _| 1.0),
        with("duplicated rows", &|i, _, _| (i % 2) as f64 + 0.5),
        with("counts", &|i, j, _| ((i * j) % 5) as f64),
        with("denormals", &|_, _, v| v * 1e-310),
        with("smallest number", &|_, _, _| 5e-324),
        with("a denormal among ones", &|i, j, v| {
            if i == j { 1e-310 } else { v }
        }),
        with("wide range", &|i, j, v| {
            v * 10f64.powi((i * 7 + j) as i32 - 30)
        }),
        with("widest range", &|i, j, v| {
            v * 10f64.powi((i * 7 + j) as i32 * 4 - 120)
        }),
    ];
    for exponent in [-150, -100, -30, 30, 100, 150] {
        let name = format!("scale 1e{exponent}");
        list.push(with(&name, &|_, _, v| v * 10f64.powi(exponent)));
        let name = format!("scale 1e{exponent} with zeros");
        list.push(with(&name, &|i, j, v| {
            if (i + j) % 3 == 0 {
                0.0
            } else {
                v * 10f64.powi(exponent)
            }
        }));
    }
    for (rows, cols) in [(1, 1), (1, 8), (8, 1), (2, 2)] {
        list.push((format!("{rows} x {cols}"), random(rows, cols, 1.0, 21)));
        list.push((
            format!("{rows} x {cols} of zeros"),
            Dense::zeros(rows, cols),
        ));
    }
    list
}

/// Fits a matrix in every way and looks for anything that is not a number.
fn check_edges<T: Float>(name: &str, v: &Dense<T>, findings: &mut Findings) {
    let zeros = v.as_slice().contains(&T::ZERO);
    let values = v.as_slice().iter().map(|x| x.to_f64());
    let largest = values.clone().fold(0.0, f64::max);
    let mean = values.clone().sum::<f64>() / v.as_slice().len() as f64;
    let least = values.filter(|&x| x > 0.0).fold(f64::INFINITY, f64::min);
    // Factors are in proportion to √V.
    let product = largest.powf(1.5);
    let in_range = largest == 0.0
        || product >= T::MIN_POSITIVE.to_f64()
            && T::from_f64(product * v.as_slice().len() as f64).is_finite();
    // Numbers of full precision are needed to tell a rise from rounding.
    let precise = largest >= T::MIN_POSITIVE.to_f64() / T::EPSILON.to_f64();
    for storage in Storage::ALL {
        let stored = Stored::of(v, storage);
        for (solver, loss) in pairs() {
            if zeros && loss.needs_positive() {
                continue;
            }
            for rank in [1, 2, 12] {
                let penalty = Penalty {
                    alpha_w: if rank == 2 { 1e-3 } else { 0.0 },
                    ..Penalty::default()
                };
                let nmf = short(rank, solver, loss, 12).penalty(penalty);
                let what = format!("{name} {} {solver} {loss} {storage:?} k={rank}", T::NAME);
                match nmf.fit(&stored.matrix()) {
                    Ok(model) => {
                        findings.sound(&model, &what);
                        // Powers of a reconstruction below a floor are those of the floor, so that they stay in range.
                        let below_one = 2.0 - loss.beta();
                        let floor = (-0.5 * f64::from(T::MAX_EXPONENT) / below_one).exp2();
                        let floored = below_one > 1.0 && least < floor * mean;
                        if solver.descends() && precise && !floored {
                            let scale =
                                crate::common::scale_of(v, loss).max(model.trace[0].objective);
                            findings.falls(&model, scale, &what);
                        }
                    }
                    // Only powers of the data, and their products with factors, may be out of range.
                    Err(partwise::Error::Scale { .. })
                        if loss.beta() != 1.0 && !(loss.is_quadratic() && in_range) => {}
                    Err(error) => findings.check(false, || format!("{what}: {error}")),
                }
            }
        }
        for init in Init::all() {
            let rank = v.rows().min(v.cols());
            let nmf = short(rank, Solver::auto(), Loss::FROBENIUS, 12).init(init);
            let what = format!("{name} {} {init} {storage:?}", T::NAME);
            let model = match nmf.fit(&stored.matrix()) {
                Err(partwise::Error::Scale { .. }) if !in_range => continue,
                found => found.unwrap(),
            };
            findings.sound(&model, &what);
            // No more is left of V than there was. (Where numbers have no full precision, that cannot be told.)
            let error = model.relative_error;
            findings.check(!precise || error <= 1.01, || {
                format!("{what}: relative error {error}")
            });
        }
    }
}

#[test]
fn no_legal_matrix_gives_a_nan() {
    let mut findings = Findings::default();
    for (name, v) in edge_matrices() {
        check_edges(&name, &v, &mut findings);
    }
    findings.finish();
}

#[test]
fn no_legal_single_precision_matrix_gives_a_nan() {
    let mut findings = Findings::default();
    for (name, v) in edge_matrices() {
        if name.contains("scale") || name.contains("wide") {
            continue;
        }
        check_edges::<f32>(&name, &mapped(&v, |v| v), &mut findings);
    }
    let v = random::<f64>(40, 25, 1.0, 22);
    let tall = random::<f64>(900, 5, 0.5, 23);
    for exponent in [-44, -38, -18, 18] {
        let name = format!("scale 1e{exponent}");
        for v in [&v, &tall] {
            let v = mapped(v, |v| v * 10f64.powi(exponent));
            check_edges::<f32>(&name, &v, &mut findings);
        }
    }
    findings.finish();
}

#[test]
fn an_observer_sees_every_iteration_and_can_stop_at_any() {
    let v = random::<f64>(30, 20, 1.0, 30);
    let mut findings = Findings::default();
    for storage in [Storage::RowMajor, Storage::ColumnMajor] {
        let stored = Stored::of(&v, storage);
        for (solver, loss) in pairs() {
            for last in [1, 2, 7] {
                let mut seen = Vec::new();
                let mut observer = |progress: &Progress| {
                    seen.push(*progress);
                    if progress.iteration == last {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                };
                let nmf = short(3, solver, loss, 9);
                let model = nmf
                    .fit_with(&[stored.matrix()], Start::default(), &mut observer)
                    .unwrap();
                let what = format!("{solver} {loss} {storage:?} stopped after {last}");
                assert_eq!(model.stop, StopReason::Stopped, "{what}");
                assert_eq!(model.iterations, last, "{what}");
                let order: Vec<_> = seen.iter().map(|progress| progress.iteration).collect();
                assert_eq!(order, (1..=last).collect::<Vec<_>>(), "{what}");
                assert!(seen.iter().all(|progress| progress.max_iter == 9), "{what}");
                assert!(seen.is_sorted_by_key(|progress| progress.seconds), "{what}");
                if solver.descends() {
                    findings.falls(&model, crate::common::scale_of(&v, loss), &what);
                }
                let observed = seen.iter().map(|progress| progress.objective);
                let traced = model.trace.iter().filter(|point| point.iteration > 0);
                assert!(observed.eq(traced.map(|point| point.objective)), "{what}");
                if seen.iter().any(|progress| progress.sketched) {
                    // What was seen was an estimate, and a shorter fit leaves its sketch earlier.
                    continue;
                }
                // The factors returned are the best of those that were seen.
                let best = seen.iter().map(|progress| progress.objective);
                let best = best.fold(f64::INFINITY, f64::min);
                let apart = (model.objective - best).abs();
                assert!(
                    apart <= 1e-12 * crate::common::scale_of(&v, loss),
                    "{what}: {apart:e}"
                );
                // And they are the factors of a fit of that length.
                let shorter = short(3, solver, loss, last).fit(&stored.matrix()).unwrap();
                assert_eq!((shorter.w, shorter.h), (model.w, model.h), "{what}");
            }
        }
    }
    findings.finish();
}

#[test]
fn a_solver_that_rises_gives_back_its_best() {
    // Clipped least squares climbs on this matrix; a test below would hold for any solver that descends.
    let als: Solver = "als".parse().unwrap();
    let mut rose = 0;
    for seed in 0..20 {
        let v = random::<f64>(20, 15, 0.3, 40 + seed);
        for storage in Storage::ALL {
            let nmf = short(6, als, Loss::FROBENIUS, 15)
                .seed(seed)
                .init("random".parse().unwrap());
            let model = nmf.fit(&Stored::of(&v, storage).matrix()).unwrap();
            let seen = model.trace.iter().filter(|point| point.iteration > 0);
            let best = seen.fold(f64::INFINITY, |best, point| best.min(point.objective));
            let apart = (model.objective - best).abs();
            assert!(
                apart <= 1e-12 * best,
                "{storage:?}: {} not {best}",
                model.objective
            );
            let last = model.trace.last().unwrap().objective;
            rose += usize::from(last > best);
        }
    }
    assert!(rose > 10, "only {rose} fits ended above their best");
}

/// Factors after `iterations` from random starts with the seeds from 5 on, the best first.
fn trials(v: &Dense<f64>, nmf: &Nmf, iterations: usize, count: u64) -> Vec<Factorization<f64>> {
    let fit = |seed| nmf.clone().seed(seed).max_iter(iterations).fit(&v.into());
    let mut models: Vec<_> = (5..5 + count).map(|seed| fit(seed).unwrap()).collect();
    models.sort_by(|a, b| a.objective.total_cmp(&b.objective));
    models
}

#[test]
fn of_several_starts_the_best_is_carried_on() {
    let v = random::<f64>(40, 30, 1.0, 41);
    for (solver, loss) in pairs() {
        if solver.resolve(loss).unwrap() != solver || solver.name() == "sketched" {
            continue;
        }
        let nmf = short(4, solver, loss, 25).init("random".parse().unwrap());
        let several = nmf.clone().seed(5).n_init(NonZeroUsize::new(4).unwrap());
        let found = several.fit(&(&v).into()).unwrap();
        let best = &trials(&v, &nmf, 10, 4)[0];
        let start = Start {
            w: Some(&best.w),
            h: Some(&best.h),
            hold: None,
            ..Start::default()
        };
        let what = format!("{solver} {loss}");
        // Ten iterations of the trial count.
        assert_eq!(found.iterations, 25, "{what}");
        assert!(
            found.trace.is_sorted_by_key(|point| point.seconds),
            "{what}"
        );
        if solver.alike_in_storages() {
            let alone = nmf
                .max_iter(15)
                .fit_with(&[(&v).into()], start, &mut |_: &Progress| {
                    ControlFlow::Continue(())
                });
            assert_eq!(alone.unwrap().w, found.w, "{what}");
        }
    }
}

#[test]
fn solvers_that_carry_factors_on_give_both_about_the_same_norm() {
    fn check<T: Float>(v: &Dense<T>) {
        for (solver, loss) in pairs() {
            if !["hals", "sketched", "newton"].contains(&solver.name()) {
                continue;
            }
            let model = short(4, solver, loss, 30).fit(&v.into()).unwrap();
            for t in 0..4 {
                let norm = |values: &mut dyn Iterator<Item = T>| {
                    values.map(|x| x.to_f64().powi(2)).sum::<f64>().sqrt()
                };
                let w = norm(&mut (0..v.rows()).map(|i| model.w.get(i, t)));
                let h = norm(&mut model.h.row(t).iter().copied());
                let what = format!("{solver} {loss} component {t}: {w} and {h}");
                assert!(w * h == 0.0 || (0.49..2.05).contains(&(w / h)), "{what}");
            }
        }
    }
    let v = random::<f64>(40, 30, 0.7, 45);
    check::<f64>(&v);
    check::<f32>(&mapped(&v, |x| x));
}

#[test]
fn a_sketch_leads_to_as_good_an_answer() {
    // Twelve components and noise, wide enough for a sketch to pay.
    let (w, h) = (
        random::<f64>(300, 12, 0.4, 42),
        random::<f64>(12, 260, 0.4, 43),
    );
    let mut v = partwise::reconstruct(&w, &h);
    let noise = random::<f64>(300, 260, 1.0, 44);
    for (v, noise) in v.as_mut_slice().iter_mut().zip(noise.as_slice()) {
        *v += 0.1 * noise;
    }
    let fit = |name: &str, seed| {
        let nmf = Nmf::new(12).solver(name.parse().unwrap()).seed(seed);
        nmf.fit(&(&v).into()).unwrap()
    };
    for seed in 0..3 {
        let (sketched, whole) = (fit("auto", seed), fit("hals", seed));
        assert_eq!(sketched.solver.name(), "sketched");
        let stretch = sketched.trace.iter().filter(|point| point.sketched).count();
        assert!(stretch > 0 && stretch < sketched.trace.len());
        assert!(!whole.trace.iter().any(|point| point.sketched));
        let ratio = sketched.objective / whole.objective;
        assert!(ratio < 1.01, "seed {seed}: {ratio}");
    }
}

#[test]
fn a_held_factor_is_given_back_as_it_came() {
    let v = random::<f64>(30, 20, 1.0, 50);
    let (w, h) = (random::<f64>(30, 3, 1.0, 51), random::<f64>(3, 20, 1.0, 52));
    let mut findings = Findings::default();
    for storage in Storage::ALL {
        let stored = Stored::of(&v, storage);
        for (solver, loss) in pairs() {
            for hold in [Factor::W, Factor::H] {
                let start = Start {
                    w: Some(&w),
                    h: Some(&h),
                    hold: Some(hold),
                    ..Start::default()
                };
                let model = short(3, solver, loss, 8)
                    .fit_with(&[stored.matrix()], start, &mut |_: &Progress| {
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                let what = format!("{solver} {loss} {storage:?} holding {hold:?}");
                findings.sound(&model, &what);
                let (held, moved) = match hold {
                    Factor::W => (model.w == w, model.h != h),
                    Factor::H => (model.h == h, model.w != w),
                };
                findings.check(held && moved, || format!("{what}: {held} {moved}"));
                if solver.descends() {
                    findings.falls(&model, crate::common::scale_of(&v, loss), &what);
                }
            }
        }
    }
    findings.finish();
}

#[test]
fn a_start_of_any_size_gives_numbers() {
    let v = random::<f64>(12, 10, 1.0, 60);
    let mut findings = Findings::default();
    for (solver, loss) in pairs() {
        for (w_size, h_size) in [
            (1e200, 1.0),
            (1.0, 1e200),
            (1e200, 1e200),
            (1e-200, 1e-200),
            (0.0, 0.0),
        ] {
            let w = mapped::<f64, f64>(&random(12, 2, 1.0, 61), |x| x * w_size);
            let h = mapped::<f64, f64>(&random(2, 10, 1.0, 62), |x| x * h_size);
            let start = Start {
                w: Some(&w),
                h: Some(&h),
                hold: None,
                ..Start::default()
            };
            let what = format!("{solver} {loss} start of size {w_size:e}, {h_size:e}");
            let v: Matrix<'_, f64> = (&v).into();
            let fit = short(2, solver, loss, 5)
                .fit_with(&[v], start, &mut |_: &Progress| ControlFlow::Continue(()));
            match fit {
                Ok(model) => findings.sound(&model, &what),
                Err(error) => {
                    let refused = matches!(error, partwise::Error::Scale { .. });
                    let large = w_size.max(h_size) > 1.0;
                    findings.check(refused && large, || format!("{what}: {error}"));
                }
            }
        }
    }
    findings.finish();
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether a line of code, comments and strings aside, holds the keyword `unsafe`.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == "unsafe")
}

#[test]
fn unsafe_code_is_in_the_kernel_only_and_gives_its_reasons() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let kernel = source.join("kernel");
    let files = sources(&source);
    assert!(files.len() > 20, "found only {} files", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            if !has_unsafe(line) {
                continue;
            }
            let place = format!("{}:{}", file.display(), i + 1);
            assert!(
                file.starts_with(&kernel),
                "{place}: unsafe outside of the kernel"
            );
            // The comment stands right above, possibly over several lines, or in the documentation of a function.
            let above = lines[..i].iter().rev().map(|line| line.trim_start());
            let mut comment =
                above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
            assert!(
                comment.any(|line| line.contains("SAFETY") || line == "/// # Safety"),
                "{place}: unsafe without a SAFETY comment"
            );
        }
    }
}
