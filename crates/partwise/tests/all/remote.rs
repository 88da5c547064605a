//! A V in partitions that are elsewhere: the same bits as the same blocks in one process, whatever is lost on the way.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::elsewhere::{Elsewhere, blocks, check, go_on, here, there};
use crate::common::{Storage, Stored, bits, damaged, mapped, pairs, random, short};
use partwise::remote::{Partition, Slices, Transport};
use partwise::{
    Dense, Error, Factor, Factorization, Loss, Nmf, Penalty, Progress, Solver, Start, StopReason,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn drawn(rank: usize, solver: Solver, loss: Loss, iterations: usize) -> Nmf {
    short(rank, solver, loss, iterations)
        .init("random".parse().unwrap())
        .seed(3)
}

#[test]
fn flaws_are_those_of_h_where_w_is_elsewhere() {
    let v = random::<f64>(40, 15, 1.0, 7);
    let blocks = blocks(&v, &[12, 28], Storage::RowMajor);
    let mut w = random::<f64>(40, 4, 1.0, 1);
    let mut h = random::<f64>(4, 15, 1.0, 2);
    w.as_mut_slice().iter_mut().for_each(|x| *x += 0.1);
    h.as_mut_slice()[30..45].fill(0.0);
    h.as_mut_slice().copy_within(0..15, 45);
    for row in w.as_mut_slice().chunks_exact_mut(4) {
        row[3] = row[0];
    }
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    let nmf = Nmf::new(4).solver("mu".parse().unwrap()).max_iter(1000);
    let found = there(&nmf, &mut Elsewhere::new(&blocks), start).unwrap();
    let flaws = found.flaws();
    assert_eq!(flaws.dead, [2]);
    let pair = flaws.duplicates.iter().find(|pair| pair.second == 3);
    assert_eq!(pair.map(|pair| (pair.first, pair.cost)), Some((0, None)));
    let told = found.telling(&flaws, &Penalty::default());
    assert_eq!((told.dead, told.duplicates), (vec![2], vec![]));
}

#[test]
fn partitions_give_the_bits_of_blocks_in_one_process() {
    let v = random::<f64>(700, 30, 1.0, 5);
    let sparse = random::<f64>(700, 30, 0.2, 6);
    for (solver, loss) in pairs() {
        let nmf = drawn(4, solver, loss, 4);
        // More rows than a stream of random numbers serves, and a single one.
        let lengths = [300, 1, 399];
        let what = format!("{solver} {loss}");
        check(
            &nmf,
            &blocks(&v, &lengths, Storage::RowMajor),
            Start::default(),
            4,
            &what,
        );
        if !loss.needs_positive() {
            check(
                &nmf,
                &blocks(&sparse, &lengths, Storage::Csr),
                Start::default(),
                4,
                &what,
            );
            let single: Dense<f32> = mapped(&sparse, |v| v);
            check(
                &nmf,
                &blocks(&single, &lengths, Storage::Csc),
                Start::default(),
                4,
                &what,
            );
        }
    }
}

#[test]
fn so_do_many_partitions_and_penalties_and_given_starts() {
    let v = random::<f64>(150, 12, 1.0, 7);
    let (w, h) = (random::<f64>(150, 3, 1.0, 8), random::<f64>(3, 12, 1.0, 9));
    let mut lengths = vec![2; 70];
    lengths.push(10);
    let penalty = Penalty {
        alpha_w: 0.01,
        alpha_h: 0.02,
        l1_ratio: 0.3,
    };
    let given = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    let starts = [
        Start::default(),
        given,
        Start { w: None, ..given },
        Start { h: None, ..given },
        Start {
            hold: Some(Factor::H),
            ..given
        },
        Start {
            w: None,
            hold: Some(Factor::H),
            ..given
        },
        Start {
            h: None,
            hold: Some(Factor::W),
            ..given
        },
        Start {
            held_h: &[1],
            held_w: &[0],
            ..given
        },
    ];
    for name in ["cd", "hals", "mu"] {
        let nmf = drawn(3, name.parse().unwrap(), Loss::FROBENIUS, 30).penalty(penalty);
        for (i, start) in starts.iter().enumerate() {
            for (lengths, storage) in [
                (&lengths[..], Storage::RowMajor),
                (&[50, 100], Storage::ColumnMajor),
            ] {
                let blocks = blocks(&v, lengths, storage);
                check(&nmf, &blocks, *start, 3, &format!("{name}, start {i}"));
            }
        }
    }
}

#[test]
fn so_do_constraints_on_h_that_need_sums_alone() {
    let v = random::<f64>(150, 12, 1.0, 7);
    let blocks = blocks(&v, &[40, 10, 100], Storage::RowMajor);
    for name in ["h:simplex", "h:hoyer=0.4", "h:orthogonal", "h:min-volume"] {
        for starts in [1, 2] {
            let nmf = drawn(3, Solver::auto(), Loss::FROBENIUS, 20)
                .constraint(name.parse().unwrap())
                .n_init(NonZeroUsize::new(starts).unwrap());
            check(&nmf, &blocks, Start::default(), 3, name);
        }
    }
}

#[test]
fn so_do_slices_of_a_large_h() {
    let (n, k) = (4400, 30);
    let v = random::<f64>(60, n, 1.0, 21);
    let sparse = random::<f64>(60, n, 0.2, 22);
    let lengths = [25, 0, 35];
    let iterations = 2;
    for (solver, loss) in pairs() {
        let (v, storage) = match loss.needs_positive() {
            true => (&v, Storage::RowMajor),
            false => (&sparse, Storage::Csr),
        };
        let blocks = blocks(v, &lengths, storage);
        let nmf = drawn(k, solver, loss, iterations);
        let expected = here(&nmf, &blocks, Start::default());
        // More than there are blocks of columns at last.
        for processes in [2, 3, 9] {
            let mut transport = Elsewhere::new(&blocks);
            (transport.processes, transport.loses) = (processes, processes == 3);
            let mut found = there(&nmf, &mut transport, Start::default()).unwrap();
            assert!(transport.sliced >= 1, "{solver} {loss}");
            found.w = transport.w(k);
            assert!(
                bits(&found) == bits(&expected),
                "{solver} {loss}, {processes} processes"
            );
        }
    }
}

#[test]
fn slices_take_penalties_given_starts_and_losses_of_partitions() {
    let (n, k) = (4400, 30);
    let v = random::<f32>(60, n, 1.0, 23);
    let blocks = blocks(&v, &[10, 20, 30], Storage::RowMajor);
    let (w, h) = (random::<f32>(60, k, 1.0, 8), random::<f32>(k, n, 1.0, 9));
    let given = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    let held = Start {
        held_h: &[1],
        ..given
    };
    let penalty = Penalty {
        alpha_w: 0.01,
        alpha_h: 0.02,
        l1_ratio: 0.3,
    };
    let holding = |factor| Start {
        hold: Some(factor),
        ..given
    };
    for (solver, start, sliced) in [
        ("hals", given, true),
        ("cd", held, true),
        ("mu", holding(Factor::H), false),
        ("cd", holding(Factor::W), false),
        ("sketched", Start::default(), true),
    ] {
        let nmf = drawn(k, solver.parse().unwrap(), Loss::FROBENIUS, 12).penalty(penalty);
        let expected = here(&nmf, &blocks, start);
        for fate in [None, Some(ChaCha8Rng::seed_from_u64(5))] {
            let mut transport = Elsewhere::new(&blocks);
            (transport.processes, transport.fate) = (4, fate);
            let mut found = there(&nmf, &mut transport, start).unwrap();
            assert_eq!(transport.sliced > 0, sliced, "{solver}");
            found.w = expected.w.clone();
            assert!(bits(&found) == bits(&expected), "{solver}");
        }
    }
}

#[test]
fn a_small_h_is_left_whole() {
    assert_eq!(Slices::of(100_000, 1, 8), None);
    assert_eq!(Slices::of(1000, 500, 8), None);
    assert_eq!(Slices::of(100_000, 50, 1), None);
    let slices = Slices::of(100_000, 50, 8).unwrap();
    assert_eq!((slices.count(), slices.shape()), (8, (100_000, 50)));
    assert_eq!(Slices::of(100_000, 50, 512).unwrap().count(), 98);
    assert_eq!(Slices::of(100_000, 50, 4096), None);
    // Answers about another H are refused, and so is what is none.
    for bytes in [&b""[..], b"nonsense"] {
        assert!(slices.cut(bytes).is_err());
        assert!(slices.step(0, bytes, bytes, None).is_err());
    }
}

#[test]
fn nothing_of_the_answer_shows_what_was_lost() {
    let v = random::<f64>(90, 14, 1.0, 11);
    let lengths = [10, 20, 5, 25, 15, 5, 4, 3, 2, 1];
    let blocks = blocks(&v, &lengths, Storage::RowMajor);
    let mut losses = 0;
    for (name, loss) in [
        ("hals", Loss::FROBENIUS),
        ("cd", Loss::FROBENIUS),
        ("als", Loss::FROBENIUS),
        ("newton", Loss::KULLBACK_LEIBLER),
        ("mu", Loss::ITAKURA_SAITO),
    ] {
        let nmf = drawn(3, name.parse().unwrap(), loss, 25);
        let expected = here(&nmf, &blocks, Start::default());
        for (seed, checkpoint) in [(1, None), (2, Some(1)), (3, Some(6)), (4, Some(0))] {
            let mut transport = Elsewhere::new(&blocks);
            transport.checkpoint = checkpoint;
            transport.fate = Some(ChaCha8Rng::seed_from_u64(seed));
            let mut found = there(&nmf, &mut transport, Start::default()).unwrap();
            losses += transport.losses;
            // Partitions that were lost after the last question have no rows.
            found.w = expected.w.clone();
            assert_eq!(
                bits(&found),
                bits(&expected),
                "{name} {loss} {checkpoint:?}"
            );
        }
    }
    assert!(losses > 1000, "{losses}");
}

#[test]
fn rows_are_fetched_as_often_as_is_asked() {
    let v = random::<f64>(30, 6, 1.0, 12);
    let blocks = blocks(&v, &[15, 15], Storage::RowMajor);
    let nmf = drawn(2, "cd".parse().unwrap(), Loss::FROBENIUS, 12);
    let fetched = |checkpoint| {
        let mut transport = Elsewhere::new(&blocks);
        transport.checkpoint = checkpoint;
        there(&nmf, &mut transport, Start::default()).unwrap();
        let names: HashSet<_> = transport.names.iter().cloned().collect();
        assert!(names.contains("pass-12") && names.contains("begin") && names.contains("describe"));
        transport
            .names
            .iter()
            .filter(|name| *name == "rows")
            .count()
    };
    // The start and twelve passes.
    assert_eq!(fetched(None), 0);
    assert_eq!(fetched(Some(1)), 13);
    assert_eq!(fetched(Some(5)), 2);
}

#[test]
fn partitions_without_a_row_change_nothing() {
    let v = random::<f64>(40, 8, 1.0, 13);
    let full = blocks(&v, &[15, 25], Storage::RowMajor);
    let mut padded = blocks(&v, &[0, 15, 0, 25, 0], Storage::RowMajor);
    for name in ["hals", "mu"] {
        let nmf = drawn(3, name.parse().unwrap(), Loss::FROBENIUS, 10);
        let expected = here(&nmf, &full, Start::default());
        let mut transport = Elsewhere::new(&padded);
        let mut found = there(&nmf, &mut transport, Start::default()).unwrap();
        found.w = transport.w(3);
        assert!(bits(&found) == bits(&expected), "{name}");
    }
    padded.retain(|block| block.rows == 0);
    let refused = there(&Nmf::new(1), &mut Elsewhere::new(&padded), Start::default());
    assert!(matches!(refused, Err(Error::Empty { .. })), "{refused:?}");
    let refused = there(
        &Nmf::new(1),
        &mut Elsewhere::<f64>::new(&[]),
        Start::default(),
    );
    assert!(matches!(refused, Err(Error::Empty { .. })), "{refused:?}");
}

#[test]
fn what_does_not_fit_is_refused_by_its_number() {
    let v = random::<f64>(20, 6, 1.0, 14);
    let refusal = |blocks: &[Stored<f64>], nmf: &Nmf| {
        let refused = there(nmf, &mut Elsewhere::new(blocks), Start::default());
        refused.unwrap_err().to_string()
    };
    let nmf = Nmf::new(2);
    let mut uneven = blocks(&v, &[10, 10], Storage::RowMajor);
    uneven.push(Stored::of(&random(4, 7, 1.0, 15), Storage::RowMajor));
    let text = refusal(&uneven, &nmf);
    assert!(
        text.contains("partition 2") && text.contains('7') && text.contains('6'),
        "{text}"
    );

    let mut negative = blocks(&v, &[10, 10], Storage::RowMajor);
    negative[1].values[6 * 3 + 4] = -0.5;
    let text = refusal(&negative, &nmf);
    assert!(text.contains("-0.5 at row 13, column 4"), "{text}");
    negative[1].values[6 * 3 + 4] = 0.0;
    let text = refusal(&negative, &nmf.clone().loss(Loss::ITAKURA_SAITO));
    assert!(text.contains("row 13, column 4"), "{text}");

    let fine = blocks(&v, &[10, 10], Storage::RowMajor);
    for (nmf, word) in [
        (nmf.clone().init("spa".parse().unwrap()), "nndsvd"),
        (nmf.clone().constraint("w:simplex".parse().unwrap()), "on H"),
        (
            nmf.clone().constraint("h:min-volume".parse().unwrap()),
            "spa",
        ),
        (Nmf::new(7).init("nndsvd".parse().unwrap()), "min(m, n) = 6"),
        (nmf.clone().max_iter(0), "max_iter"),
    ] {
        let text = refusal(&fine, &nmf);
        assert!(text.contains(word), "{text}");
    }
    // A question for one number type to a partition of the other, and no question at all.
    let mut partition = Partition::<f32>::new(0, None);
    let single: Dense<f32> = mapped(&v, |v| v);
    let single = Stored::of(&single, Storage::RowMajor);
    let mut transport = Elsewhere::new(&fine);
    there(&nmf, &mut transport, Start::default()).unwrap();
    let saved = transport.partitions[0].save().unwrap();
    for bytes in [&saved[..], &saved[..20], b"", b"nonsense"] {
        assert!(partition.answer(&single.matrix(), bytes).is_err());
        assert!(partition.load(bytes).is_err());
    }
    assert!(partition.rows().is_none() && partition.save().is_none());
}

#[test]
fn a_transport_that_fails_ends_the_fit_with_its_reason() {
    let v = random::<f64>(20, 6, 1.0, 16);
    let blocks = blocks(&v, &[10, 10], Storage::RowMajor);
    for refuses in 0..12 {
        let mut transport = Elsewhere::new(&blocks);
        transport.refuses = Some(refuses);
        let nmf = drawn(2, "cd".parse().unwrap(), Loss::FROBENIUS, 12);
        let text = there(&nmf, &mut transport, Start::default())
            .unwrap_err()
            .to_string();
        assert!(text.contains("the cluster is gone"), "{text}");
    }
}

/// A copy of a partition may stay behind while another goes on, as where two workers of a cluster have it.
#[test]
fn rows_of_a_copy_that_stayed_behind_are_not_those_of_the_fit() {
    let v = random::<f64>(20, 6, 1.0, 16);
    let blocks = blocks(&v, &[10, 10], Storage::RowMajor);
    let nmf = drawn(2, "cd".parse().unwrap(), Loss::FROBENIUS, 12);
    let mut saved = None;
    let mut transport = Elsewhere::new(&blocks);
    there(&nmf.clone().max_iter(5), &mut transport, Start::default()).unwrap();
    saved.replace(transport.partitions[0].save().unwrap());
    let mut transport = Elsewhere::new(&blocks);
    there(&nmf, &mut transport, Start::default()).unwrap();
    assert_eq!(transport.w(2).rows(), 20);
    let mut copy = Partition::<f64>::new(0, None);
    copy.load(&saved.unwrap()).unwrap();
    assert!(copy.rows().is_some());
    let versions: Vec<u64> = (0..64)
        .filter(|&version| transport.partitions[0].rows_of(version).is_some())
        .collect();
    assert_eq!(versions.len(), 1);
    assert!(copy.rows_of(versions[0]).is_none());
}

/// Carries the answers to the question before.
struct Late<'a, 'b>(&'b mut Elsewhere<'a, f64>, Option<Vec<Vec<u8>>>);

impl Transport for Late<'_, '_> {
    fn partitions(&self) -> usize {
        self.0.partitions()
    }

    fn ask_each(&mut self, name: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        let answers = self.0.ask_each(name, questions)?;
        let late = name == "pass-3";
        let before = self.1.replace(answers.clone());
        Ok(before.filter(|_| late).unwrap_or(answers))
    }
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let v = random::<f64>(20, 6, 1.0, 18);
    let blocks = blocks(&v, &[10, 10], Storage::RowMajor);
    let nmf = drawn(2, "cd".parse().unwrap(), Loss::FROBENIUS, 12);
    let mut elsewhere = Elsewhere::new(&blocks);
    elsewhere.checkpoint = None;
    let mut late = Late(&mut elsewhere, None);
    let refused = nmf.fit_remote::<f64>(&mut late, Start::default(), &mut go_on);
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("different questions"), "{text}");
}

#[test]
fn an_observer_ends_it_with_the_best_so_far() {
    let v = random::<f64>(40, 9, 1.0, 17);
    let blocks = blocks(&v, &[10, 30], Storage::RowMajor);
    let nmf = drawn(3, Solver::auto(), Loss::FROBENIUS, 50);
    let mut transport = Elsewhere::new(&blocks);
    let mut stop = |progress: &Progress| match progress.iteration {
        7 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let found: Factorization<f64> = nmf
        .fit_remote(&mut transport, Start::default(), &mut stop)
        .unwrap();
    assert_eq!((found.stop, found.iterations), (StopReason::Stopped, 7));
    assert_eq!(transport.w(3).rows(), 40);
}

/// Carries one question or answer with something wrong in it.
struct Tampering<'a, 'b> {
    elsewhere: &'b mut Elsewhere<'a, f64>,
    /// Which one, and whether it is the question.
    at: usize,
    in_question: bool,
    /// Which of all that can be wrong.
    choice: usize,
    asked: usize,
}

impl Tampering<'_, '_> {
    fn spoil(&self, message: &[u8]) -> Vec<u8> {
        let mut all = damaged(message);
        match all.len() {
            0 => message.to_vec(),
            count => all.swap_remove(self.choice % count),
        }
    }
}

impl Transport for Tampering<'_, '_> {
    fn partitions(&self) -> usize {
        self.elsewhere.partitions()
    }

    fn ask_each(&mut self, name: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        let here = self.asked == self.at;
        self.asked += 1;
        let spoilt = (here && self.in_question).then(|| self.spoil(questions[0]));
        let mut questions = questions.to_vec();
        if let Some(spoilt) = &spoilt {
            questions[0] = spoilt;
        }
        let mut answers = self.elsewhere.ask_each(name, &questions)?;
        if here && !self.in_question {
            answers[0] = self.spoil(&answers[0]);
        }
        Ok(answers)
    }
}

/// Whatever a message holds: an error, or a fit that goes on with it.
#[test]
fn messages_whose_parts_do_not_fit_together_never_panic() {
    const CHOICES: usize = 40;
    let v = random::<f64>(7, 5, 1.0, 19);
    let blocks = blocks(&v, &[4, 3], Storage::RowMajor);
    let fit = |solver: &str, init: &str, loss| {
        short(2, solver.parse().unwrap(), loss, 3)
            .init(init.parse().unwrap())
            .threads(NonZeroUsize::new(1))
    };
    let squared = Loss::FROBENIUS;
    for nmf in [
        fit("cd", "random", squared).n_init(NonZeroUsize::new(2).unwrap()),
        fit("hals", "nndsvdar", squared),
        fit("sketched", "nndsvda", squared),
        fit("mu", "random", Loss::KULLBACK_LEIBLER),
    ] {
        let mut plain = Elsewhere::new(&blocks);
        there(&nmf, &mut plain, Start::default()).unwrap();
        for at in 0..plain.names.len() {
            for choice in 0..2 * CHOICES {
                let mut elsewhere = Elsewhere::new(&blocks);
                let mut tampering = Tampering {
                    elsewhere: &mut elsewhere,
                    at,
                    in_question: choice % 2 == 0,
                    choice: choice / 2 * 7919 + at,
                    asked: 0,
                };
                let _ = nmf.fit_remote::<f64>(&mut tampering, Start::default(), &mut go_on);
            }
        }
    }
}
