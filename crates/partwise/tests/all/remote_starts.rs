//! Starts by singular vectors, sketches and several starts of a V in partitions: what they are in memory, whatever is lost on the way.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use crate::common::elsewhere::{Elsewhere, blocks, check, go_on, here, there};
use crate::common::{Keeper, Storage, bits, mapped, random, rounding, short};
use crate::streamed::Rows;
use partwise::{Dense, Factor, Factorization, Float, Init, Loss, Matrix, Nmf, Solver, Start};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const SINGULAR: [&str; 4] = ["auto", "nndsvd", "nndsvda", "nndsvdar"];

fn started(rank: usize, init: &str, solver: &str, iterations: usize) -> Nmf {
    let solver = solver.parse().unwrap();
    short(rank, solver, Loss::FROBENIUS, iterations)
        .init(init.parse().unwrap())
        .seed(3)
}

fn n_init(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// A matrix of which no entry repeats, near one of low rank, with some rows of zeros.
fn spectra<T: Float>(rows: usize, cols: usize, zeros: std::ops::Range<usize>) -> Dense<T> {
    let noise = random::<f64>(rows, cols, 1.0, 9);
    let entry = |i: usize, j: usize| {
        let wave = |t: usize, x: usize| 1.0 + (((t + 2) * x) as f64 * 0.37).sin();
        let low: f64 = (0..3).map(|t| wave(t, i) * wave(t + 3, j)).sum();
        if zeros.contains(&i) {
            0.0
        } else {
            low + 0.2 * noise.get(i, j)
        }
    };
    let entries = (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j)));
    let entries = entries.map(|(i, j)| T::from_f64(entry(i, j)));
    Dense::from_rows(entries.collect(), rows, cols).unwrap()
}

#[test]
fn starts_by_singular_vectors_have_the_bits_of_blocks_in_one_process() {
    fn every<T: Float>(v: &Dense<T>, sparse: &Dense<T>, lengths: &[usize]) {
        for init in SINGULAR {
            let nmf = started(4, init, "cd", 2);
            for storage in Storage::ALL {
                let v = match storage {
                    Storage::RowMajor | Storage::ColumnMajor => v,
                    _ => sparse,
                };
                // One block whose columns lie together is walked by them where it is in memory.
                if lengths.len() == 1 && storage == Storage::ColumnMajor {
                    continue;
                }
                let what = format!("{init} {storage:?} {} {lengths:?}", T::NAME);
                check(
                    &nmf,
                    &blocks(v, lengths, storage),
                    Start::default(),
                    4,
                    &what,
                );
            }
        }
    }
    let tall = spectra::<f64>(700, 30, 300..301);
    let sparse = random::<f64>(700, 30, 0.2, 6);
    let many: Vec<_> = (0..70).map(|_| 10).collect();
    for lengths in [&[700][..], &[300, 1, 399], &many] {
        every(&tall, &sparse, lengths);
        every::<f32>(&mapped(&tall, |v| v), &mapped(&sparse, |v| v), lengths);
    }
    // Wide, and a rank near the smaller side; a loss whose solver multiplies.
    let wide = spectra::<f64>(12, 300, 0..0);
    let mut nmf = started(11, "nndsvda", "cd", 3);
    for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
        let blocks = blocks(&wide, &[5, 0, 7], Storage::RowMajor);
        check(&nmf, &blocks, Start::default(), 11, &format!("{loss}"));
        nmf = nmf
            .loss(Loss::KULLBACK_LEIBLER)
            .solver("mu".parse().unwrap());
    }
    // One factor given, the other made; and a matrix of zeros.
    let h = random::<f64>(4, 30, 1.0, 9);
    let w = random::<f64>(700, 4, 1.0, 8);
    let (given, none) = (
        Start {
            h: Some(&h),
            ..Start::default()
        },
        Dense::zeros(700, 30),
    );
    let nmf = started(4, "nndsvdar", "cd", 2);
    let lengths = [300, 1, 399];
    check(
        &nmf,
        &blocks(&tall, &lengths, Storage::RowMajor),
        given,
        4,
        "given H",
    );
    let given = Start {
        w: Some(&w),
        ..Start::default()
    };
    check(
        &nmf,
        &blocks(&tall, &lengths, Storage::RowMajor),
        given,
        4,
        "given W",
    );
    let zeros = blocks::<f64>(&none, &lengths, Storage::RowMajor);
    check(&nmf, &zeros, Start::default(), 4, "zeros");
}

/// The largest difference of an entry of two matrices, relative to the largest entry.
fn apart<T: Float>(a: &Dense<T>, b: &Dense<T>) -> f64 {
    let largest = b
        .as_slice()
        .iter()
        .fold(0.0f64, |max, x| max.max(x.to_f64()));
    let pairs = a.as_slice().iter().zip(b.as_slice());
    let apart = pairs.map(|(a, b)| (a.to_f64() - b.to_f64()).abs());
    apart.fold(0.0, f64::max) / largest
}

#[test]
fn another_cut_makes_another_rounding() {
    fn every<T: Float>(tolerance: f64) {
        for (v, rank) in [
            (spectra::<T>(210, 25, 70..75), 3),
            (spectra(9, 120, 0..0), 3),
            (spectra(70, 12, 30..60), 3),
        ] {
            let rows = v.rows();
            let whole = blocks(&v, &[rows], Storage::RowMajor);
            for (init, solver) in SINGULAR
                .map(|init| (init, "cd"))
                .into_iter()
                .chain([("nndsvda", "sketched"), ("random", "sketched")])
            {
                // Few iterations: what carries factors on may turn another way at a rounding.
                let nmf = started(rank, init, solver, 4);
                let expected = here(&nmf, &whole, Start::default());
                for parts in [1, 2, 3, 7] {
                    let mut lengths = vec![rows / parts; parts];
                    lengths[parts - 1] += rows % parts;
                    lengths.insert(parts / 2, 0);
                    let blocks = blocks(&v, &lengths, Storage::RowMajor);
                    let mut transport = Elsewhere::new(&blocks);
                    let found = there(&nmf, &mut transport, Start::default()).unwrap();
                    let w = apart(&transport.w(rank), &expected.w);
                    let h = apart(&found.h, &expected.h);
                    let what = format!("{init} {solver} {parts} of {rows}: W {w:e}, H {h:e}");
                    assert!(w.max(h) < tolerance, "{what}");
                    assert_eq!(found.init, expected.init);
                }
            }
        }
    }
    every::<f64>(1e-9);
    every::<f32>(2e-3);
}

#[test]
fn sketches_have_the_bits_of_blocks_in_one_process() {
    let v = spectra::<f64>(400, 90, 100..103);
    let sparse = random::<f64>(400, 90, 0.2, 6);
    let single: Dense<f32> = mapped(&v, |v| v);
    let lengths = [150, 1, 0, 249];
    for init in ["auto", "random", "nndsvdar"] {
        for starts in [1, 3] {
            let nmf = started(5, init, "sketched", 30).n_init(n_init(starts));
            for storage in [Storage::RowMajor, Storage::ColumnMajor] {
                let what = format!("{init} {starts} {storage:?}");
                check(
                    &nmf,
                    &blocks(&v, &lengths, storage),
                    Start::default(),
                    5,
                    &what,
                );
                let single = blocks(&single, &lengths, storage);
                check(&nmf, &single, Start::default(), 5, &what);
            }
            let sparse = blocks(&sparse, &lengths, Storage::Csr);
            check(&nmf, &sparse, Start::default(), 5, "sparse");
        }
    }
    // With one factor held there is no sketch.
    let h = random::<f64>(5, 90, 1.0, 9);
    let held = Start {
        h: Some(&h),
        hold: Some(Factor::H),
        ..Start::default()
    };
    let nmf = started(5, "auto", "sketched", 10);
    check(
        &nmf,
        &blocks(&v, &lengths, Storage::RowMajor),
        held,
        5,
        "held",
    );
}

#[test]
fn auto_sketches_where_it_pays() {
    let v = spectra::<f64>(200, 200, 0..0);
    let lengths = [90, 110];
    let nmf = Nmf::new(8).max_iter(40);
    let blocks_of = |storage| blocks(&v, &lengths, storage);
    check(
        &nmf,
        &blocks_of(Storage::RowMajor),
        Start::default(),
        8,
        "auto",
    );
    let road = |blocks: &[_]| {
        let found = there(&nmf, &mut Elsewhere::new(blocks), Start::default()).unwrap();
        let sketched = found.trace.iter().any(|point| point.sketched);
        (found.solver.name(), found.init.map(Init::name), sketched)
    };
    let dense = road(&blocks_of(Storage::RowMajor));
    assert_eq!(dense, ("sketched", Some("nndsvda"), true));
    let mut mixed = blocks_of(Storage::RowMajor);
    mixed[1] = blocks_of(Storage::Csr).remove(1);
    assert_eq!(road(&mixed), ("hals", Some("nndsvda"), false));
}

#[test]
fn v_is_read_as_often_as_in_memory() {
    let v = random::<f64>(60, 40, 1.0, 4);
    let parts = blocks(&v, &[20, 40], Storage::RowMajor);
    for (init, solver, starts, least) in [
        ("nndsvda", "cd", 1, 8),
        ("nndsvdar", "hals", 3, 30),
        ("nndsvda", "sketched", 1, 8),
        ("random", "sketched", 3, 8),
    ] {
        let nmf = started(3, init, solver, 12).n_init(n_init(starts));
        let mut transport = Elsewhere::new(&parts);
        there(&nmf, &mut transport, Start::default()).unwrap();
        let walks = [
            "describe",
            "forward",
            "backward",
            "pass",
            "look",
            "divergence",
        ];
        let walks = |name: &&String| walks.iter().any(|walk| name.starts_with(walk));
        let asked = transport.names.iter().filter(walks).count();
        // Passes over the basis in the place of V have another name.
        let sketched = transport
            .names
            .iter()
            .any(|name| name.starts_with("sketched-"));
        assert_eq!(sketched, solver == "sketched");
        let lines = Rows::of(&v);
        nmf.fit_with(&[Matrix::streamed(&lines)], Start::default(), &mut go_on)
            .unwrap();
        let read = lines.read.load(Ordering::Relaxed) / 60;
        assert!(read >= least, "{read}");
        assert_eq!(asked, read, "{init} {solver} {starts}");
    }
}

#[test]
fn of_several_starts_the_best_stays_in_the_partitions() {
    let v = random::<f64>(90, 14, 1.0, 11);
    let parts = blocks(&v, &[10, 50, 30], Storage::RowMajor);
    let mut best = Vec::new();
    for (init, solver) in [
        ("random", "hals"),
        ("auto", "hals"),
        ("nndsvdar", "cd"),
        ("random", "sketched"),
    ] {
        let nmf = started(3, init, solver, 25).n_init(n_init(4));
        let expected = here(&nmf, &parts, Start::default());
        assert_eq!(expected.starts.len(), 4);
        let least = expected
            .starts
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        best.push(expected.starts.iter().position(|&x| x == least).unwrap());
        check(&nmf, &parts, Start::default(), 3, init);
        for (gathers, loses) in [(true, true), (true, false), (false, false)] {
            let mut transport = Elsewhere::new(&parts);
            (transport.gathers, transport.loses) = (gathers, loses);
            let mut found = there(&nmf, &mut transport, Start::default()).unwrap();
            if !gathers {
                found.w = transport.w(3);
            }
            let what = format!("{init} {solver}, gathered: {gathers}, may be lost: {loses}");
            assert!(bits(&found) == bits(&expected), "{what}");
            assert_eq!(found.starts, expected.starts);
        }
    }
    // Not the last one, which would be there anyway.
    assert!(best.iter().any(|&number| number < 3), "{best:?}");
}

#[test]
fn what_is_lost_of_a_start_or_a_sketch_is_made_again() {
    let v = spectra::<f64>(90, 34, 20..24);
    let lengths = [10, 20, 5, 25, 15, 5, 4, 3, 2, 1];
    let parts = blocks(&v, &lengths, Storage::RowMajor);
    let mut losses = 0;
    for (init, solver, starts) in [
        ("nndsvdar", "cd", 1),
        ("nndsvda", "sketched", 1),
        ("nndsvdar", "hals", 3),
        ("random", "sketched", 3),
        ("random", "hals", 3),
    ] {
        let nmf = started(3, init, solver, 25).n_init(n_init(starts));
        let expected = here(&nmf, &parts, Start::default());
        for (seed, checkpoint) in [(11, None), (12, Some(1)), (13, Some(6)), (14, Some(0))] {
            let mut transport = Elsewhere::new(&parts);
            transport.checkpoint = checkpoint;
            transport.fate = Some(ChaCha8Rng::seed_from_u64(seed));
            let mut found = there(&nmf, &mut transport, Start::default()).unwrap();
            losses += transport.losses;
            // Partitions that were lost after the last question have no rows.
            found.w = expected.w.clone();
            let what = format!("{init} {solver} {starts} {checkpoint:?}");
            assert!(bits(&found) == bits(&expected), "{what}");
        }
    }
    assert!(losses > 1000, "{losses}");
}

#[test]
fn a_state_of_any_stage_is_gone_on_from_here_and_there() {
    let v = spectra::<f64>(60, 34, 20..24);
    let parts = blocks(&v, &[25, 35], Storage::RowMajor);
    let matrices = [parts[0].matrix(), parts[1].matrix()];
    for (init, solver, starts) in [
        ("nndsvda", "cd", 1),
        ("auto", "sketched", 1),
        ("nndsvdar", "hals", 2),
        ("auto", "sketched", 3),
    ] {
        let nmf = started(3, init, solver, 14).n_init(n_init(starts));
        let gathering = || {
            let mut transport = Elsewhere::new(&parts);
            transport.gathers = true;
            transport
        };
        let mut keeper = Keeper::default();
        let whole: Factorization<f64> = nmf
            .fit_remote(&mut gathering(), Start::default(), &mut keeper)
            .unwrap();
        let mut here = Keeper::default();
        let alone = nmf
            .fit_with(&matrices, Start::default(), &mut here)
            .unwrap();
        assert!(bits(&whole) == bits(&alone));
        assert_eq!(keeper.states.len(), here.states.len());
        for (number, (state, here)) in keeper.states.iter().zip(&here.states).enumerate() {
            let what = format!("{init} {solver} {starts}, state {number}");
            for (state, fate) in [(state, false), (state, true), (here, true)] {
                let mut transport = gathering();
                transport.loses = fate;
                transport.fate = fate.then(|| ChaCha8Rng::seed_from_u64(number as u64));
                let found: Factorization<f64> = nmf
                    .resume_remote(
                        &mut transport,
                        Start::default(),
                        &mut &state[..],
                        &mut go_on,
                    )
                    .unwrap();
                assert!(bits(&found) == bits(&whole), "{what} {fate}");
            }
            let found = nmf
                .resume(&matrices, Start::default(), &mut &state[..], &mut go_on)
                .unwrap();
            assert!(bits(&found) == bits(&whole), "{what}, here");
        }
    }
}

#[test]
fn a_sketch_ends_as_low_as_one_in_memory() {
    let v = spectra::<f64>(200, 120, 0..0);
    let nmf = Nmf::new(3).solver("sketched".parse().unwrap()).seed(1);
    let whole = here(
        &nmf,
        &blocks(&v, &[200], Storage::RowMajor),
        Start::default(),
    );
    let parts = blocks(&v, &[70, 130], Storage::RowMajor);
    let found = there(&nmf, &mut Elsewhere::new(&parts), Start::default()).unwrap();
    assert!(found.objective < 1.001 * whole.objective + rounding::<f64>());
    let plain = nmf.solver(Solver::auto().resolve(Loss::FROBENIUS).unwrap());
    let plain = there(&plain, &mut Elsewhere::new(&parts), Start::default()).unwrap();
    assert!(found.objective < 1.01 * plain.objective);
}
