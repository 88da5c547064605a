//! What threads may do with the public types: all can be sent to another one, and looked at from several, without a lock. So nobody who
//! keeps one in a structure of their own finds out that it cannot. Checked by the compiler: a type that loses a bound does not build.

use std::panic::{RefUnwindSafe, UnwindSafe};

use partwise::remote::{Partition, Slices};
use partwise::{
    Compressed, Consensus, ConsensusMember, ConsensusModel, ConsensusNmf, ConsensusPart,
    ConsensusRun, Constraint, ConvolutiveNmf, Criterion, Dense, Duplicate, Error, Factor,
    Factorization, FitQuality, Flaws, Graph, Held, IndexSlice, Init, Intervals, JointModel,
    JointNmf, JointPart, Labels, Loss, MatRef, Matrix, MiniBatchFit, MiniBatchMemory, MiniBatchNmf,
    Missing, Nmf, NmfTree, Penalty, Progress, Proposal, RankChoice, RankMethod, RankPart,
    RankPoint, RankSurvey, ReadError, RunSize, Solver, SparseRun, SplitRule, Spread, Start,
    StopReason, Streamed, Survey, SurveyProgress, TracePoint, Tree, TreeModel, TreeNode,
    TruncatedSvd, Weighting, WholeDense, WholeSparse,
};

const fn shared<T: Send + Sync + Unpin>() {}
const fn unwound<T: UnwindSafe + RefUnwindSafe>() {}

macro_rules! hold {
    ($($type:ty),* $(,)?) => {
        $(const _: () = { shared::<$type>(); unwound::<$type>(); };)*
    };
}

hold! {
    ConsensusMember, ConsensusNmf, ConsensusPart, ConsensusRun, Consensus, Constraint, ConvolutiveNmf,
    Criterion, Duplicate, Factor, FitQuality, Flaws, Graph, Init, Intervals, JointNmf, Labels, Loss,
    MiniBatchNmf, Missing, Nmf, NmfTree, Penalty, Progress, Proposal, RankChoice, RankMethod, RankPart,
    RankPoint, RankSurvey, RunSize, Slices, Solver, SplitRule, Spread, StopReason, Survey,
    SurveyProgress, TracePoint, TreeNode,
}

macro_rules! hold_of_each_number {
    ($($type:ident),* $(,)?) => {
        hold! { $($type<f32>, $type<f64>),* }
    };
}

hold_of_each_number! {
    ConsensusModel, Dense, Factorization, JointModel, JointPart, MiniBatchFit, MiniBatchMemory, SparseRun,
    Tree, TreeModel, TruncatedSvd,
}

macro_rules! share {
    ($($type:ty),* $(,)?) => {
        $(const _: () = shared::<$type>();)*
    };
}

// A reader of V, whose error may be anything, need not stand unwinding.
share! {
    Error, ReadError,
    Compressed<'static, f32>, Compressed<'static, f64>, Held<f32>, Held<f64>, IndexSlice<'static>,
    MatRef<'static, f32>, MatRef<'static, f64>, Matrix<'static, f32>, Matrix<'static, f64>,
    Partition<f32>, Partition<f64>, Start<'static, f32>, Start<'static, f64>, Streamed<'static, f32>,
    Streamed<'static, f64>, Weighting<'static, f32>, Weighting<'static, f64>,
    WholeDense<'static, u8>, WholeSparse<'static, u8>,
}

/// An error goes wherever errors go.
const fn anywhere<E: std::error::Error + Clone + Send + Sync + 'static>() {}
const _: () = anywhere::<Error>();
const _: () = anywhere::<ReadError>();

#[test]
fn a_fit_and_its_answer_cross_threads() {
    let values: Vec<f64> = (0..60).map(|i| f64::from(1 + i % 7)).collect();
    let v = Matrix::row_major(&values, 10, 6).unwrap();
    let nmf = Nmf::new(2).seed(5);
    let here = nmf.fit(&v).unwrap();
    let there = std::thread::scope(|scope| scope.spawn(|| nmf.fit(&v)).join().unwrap()).unwrap();
    assert_eq!(here.w.as_slice(), there.w.as_slice());
    assert_eq!(here.h.as_slice(), there.h.as_slice());
}
