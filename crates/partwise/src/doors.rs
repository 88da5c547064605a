//! The doors between the crates that call this one and its work, which is generic over the number type: what is behind a door is
//! compiled once for each of the two types, with this crate, and not again with every program, test and example that uses it.
//!
//! Public methods check and lead to a door; a new one that does much needs a line here.

use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::consensus::{ConsensusModel, ConsensusNmf};
use crate::joint::{JointModel, JointNmf};
use crate::many::SurveyObserver;
use crate::matrix::{Dense, Matrix, Weighting};
use crate::observe::Observer;
use crate::rank::{RankSurvey, Survey};
use crate::remote::{Partition, Transport};
use crate::tree::{NmfTree, Tree, TreeModel};
use crate::{
    ConvolutiveNmf, Error, Factorization, Float, MiniBatchFit, MiniBatchMemory, MiniBatchNmf, Nmf,
    Start, TruncatedSvd,
};

macro_rules! doors {
    ($($name:ident($($given:ident: $kind:ty),*) -> $answer:ty = $work:expr;)*) => {
        /// A number type with all that this crate does for it.
        #[doc(hidden)]
        #[allow(missing_docs, clippy::missing_errors_doc)]
        pub trait Doors: Sized {
            $(fn $name($($given: $kind),*) -> $answer where Self: Float;)*
        }

        impl Doors for f32 {
            $(fn $name($($given: $kind),*) -> $answer { $work($($given),*) })*
        }

        impl Doors for f64 {
            $(fn $name($($given: $kind),*) -> $answer { $work($($given),*) })*
        }
    };
}

doors! {
    fit(
        nmf: &Nmf,
        v: (&[Matrix<'_, Self>], Option<&Weighting<'_, Self>>),
        start: Start<'_, Self>,
        state: Option<&mut dyn Read>,
        observer: &mut dyn Observer
    ) -> Result<Factorization<Self>, Error> = Nmf::fit_here;
    fit_elsewhere(
        nmf: &Nmf,
        transport: &mut dyn Transport,
        start: Start<'_, Self>,
        state: Option<&mut dyn Read>,
        observer: &mut dyn Observer
    ) -> Result<Factorization<Self>, Error> = Nmf::fit_elsewhere;
    answer(
        partition: &mut Partition<Self>,
        v: &Matrix<'_, Self>,
        question: &[u8]
    ) -> Result<Vec<u8>, Error> = Partition::answer_here;
    fit_in_batches(
        batches: &MiniBatchNmf,
        v: &Matrix<'_, Self>,
        start: (Dense<Self>, Dense<Self>),
        observer: &mut dyn Observer
    ) -> Result<MiniBatchFit<Self>, Error> = MiniBatchNmf::fit_here;
    fit_batch(
        batches: &MiniBatchNmf,
        v: &Matrix<'_, Self>,
        memory: &mut MiniBatchMemory<Self>,
        keep: f64,
        observer: &mut dyn Observer
    ) -> Result<f64, Error> = MiniBatchNmf::partial_fit_here;
    transform_batch(
        batches: &MiniBatchNmf,
        v: &Matrix<'_, Self>,
        h: &Dense<Self>,
        observer: &mut dyn Observer
    ) -> Result<Dense<Self>, Error> = MiniBatchNmf::transform_here;
    convolve(
        convolutive: &ConvolutiveNmf,
        v: &Matrix<'_, Self>,
        observer: &mut dyn Observer
    ) -> Result<Factorization<Self>, Error> = ConvolutiveNmf::fit_here;
    join(
        joint: &JointNmf,
        matrices: &[Matrix<'_, Self>],
        observer: &mut dyn Observer
    ) -> Result<JointModel<Self>, Error> = JointNmf::fit_here;
    agree(
        consensus: &ConsensusNmf,
        v: &Matrix<'_, Self>,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver
    ) -> Result<Option<ConsensusModel<Self>>, Error> = ConsensusNmf::run_here;
    survey(
        survey: &RankSurvey,
        v: &Matrix<'_, Self>,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver
    ) -> Result<Survey, Error> = RankSurvey::run_here;
    grow(
        tree: &NmfTree,
        v: &Matrix<'_, Self>,
        observer: &mut dyn SurveyObserver
    ) -> Result<Option<TreeModel<Self>>, Error> = NmfTree::run_here;
    descend(
        settings: &NmfTree,
        v: &Matrix<'_, Self>,
        tree: &Tree<Self>,
        interrupt: Option<Arc<AtomicBool>>
    ) -> Result<Vec<usize>, Error> = NmfTree::predict_here;
    triplets(
        v: &Matrix<'_, Self>,
        rank: usize,
        seed: u64,
        threads: Option<NonZeroUsize>
    ) -> Result<TruncatedSvd<Self>, Error> = crate::svd::truncated_here;
    least_error(
        v: &Matrix<'_, Self>,
        rank: usize,
        threads: Option<NonZeroUsize>,
        interrupt: Option<Arc<AtomicBool>>
    ) -> Result<(f64, f64), Error> = crate::svd::least_error_here;
    product(w: &Dense<Self>, h: &Dense<Self>) -> Dense<Self> = crate::nmf::product;
}
