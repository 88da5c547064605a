//! The fits of a survey: rank by rank, those of a rank beside each other.

use std::num::NonZeroUsize;

use super::fitted::Size;
use super::method::Look;
use super::{RankPart, blocks, consensus, entries, relevance, stability};
use crate::archive::Archive;
use crate::many::kept::{self, Kept};
use crate::many::part::Misses;
use crate::many::points::directions;
use crate::many::{Course, Job, beside, drawn};
use crate::matrix::{Dense, Matrix};
use crate::nmf::{Nmf, Ready};
use crate::threads::Threads;
use crate::{Error, Float};

/// V and what all fits share.
pub(super) struct Data<'a, 'v, T: Float> {
    pub(super) v: &'a Matrix<'v, T>,
    pub(super) nmf: &'a Nmf,
    /// The mean and the largest of all entries.
    pub(super) mean: f64,
    pub(super) largest: f64,
    pub(super) size: Size,
    /// The samples whose groups are looked at.
    pub(super) samples: &'a [usize],
    /// Starts that a fit with something held out tries.
    pub(super) tries: NonZeroUsize,
}

impl<T: Float> Data<'_, '_, T> {
    /// The fit of a rank with a drawn start.
    pub(super) fn drawn(&self, rank: usize) -> Nmf {
        drawn(self.nmf, self.v, rank).brief()
    }
}

/// What one start found.
#[derive(Debug)]
pub(super) struct Found {
    /// The group of each sample that is looked at.
    groups: Vec<u32>,
    /// The components as unit vectors, k × n.
    directions: Dense<f64>,
    divergence: f64,
    relative_error: f64,
}

/// What the fits of one rank say.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) size: Size,
    pub(super) rank: usize,
    starts: Vec<Found>,
    /// The figures of the folds and of the blocks.
    pub(super) entries: Vec<f64>,
    pub(super) blocks: Vec<f64>,
    /// The components that are left of a fit that prunes them.
    pub(super) left: Option<usize>,
}

impl Evidence {
    pub(super) fn groupings(&self) -> Vec<&[u32]> {
        self.starts.iter().map(|start| &start.groups[..]).collect()
    }

    pub(super) fn directions(&self) -> Vec<&Dense<f64>> {
        self.starts.iter().map(|start| &start.directions).collect()
    }

    pub(super) fn divergences(&self) -> Vec<f64> {
        self.starts.iter().map(|start| start.divergence).collect()
    }

    pub(super) fn relative_errors(&self) -> Vec<f64> {
        let errors = self.starts.iter().map(|start| start.relative_error);
        errors.collect()
    }

    /// The start with the least divergence, the first of equals.
    pub(super) fn best_start(&self) -> usize {
        let divergences = self.divergences();
        let by_size = |a: &usize, b: &usize| divergences[*a].total_cmp(&divergences[*b]);
        (0..divergences.len()).min_by(by_size).unwrap_or(0)
    }

    /// The components of the best start; none without starts.
    pub(super) fn parts(&self) -> Vec<RankPart> {
        let best = self.best_start();
        let Some(found) = self.starts.get(best) else {
            return Vec::new();
        };
        let stability = stability::of_components(&self.directions(), best);
        let part = |t: usize| RankPart {
            strongest: strongest(found.directions.row(t)),
            stability: stability.as_ref().map(|values| values[t]),
        };
        (0..found.directions.rows()).map(part).collect()
    }

    /// The groups of the samples by each start.
    pub(super) fn into_groups(self) -> Vec<Vec<u32>> {
        self.starts.into_iter().map(|start| start.groups).collect()
    }
}

/// The features of a component with the largest shares of it, the largest first, of equals the first.
fn strongest(component: &[f64]) -> Vec<(usize, f64)> {
    let sum: f64 = component.iter().sum();
    let mut order: Vec<usize> = (0..component.len())
        .filter(|&j| component[j] > 0.0)
        .collect();
    order.sort_by(|&a, &b| component[b].total_cmp(&component[a]));
    order.truncate(RankPart::STRONGEST);
    order.into_iter().map(|j| (j, component[j] / sum)).collect()
}

/// What one fit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Start(usize),
    Fold(usize, usize),
    Block(usize),
    Pruned,
}

/// What a fit with something held out says.
#[derive(Debug)]
pub(super) struct HeldOut {
    /// How wrong it is about that.
    pub(super) figure: f64,
    /// The components as unit vectors, k rows.
    pub(super) directions: Dense<f64>,
}

impl HeldOut {
    /// `None` where nothing was held out.
    pub(super) fn of<T: Float>(misses: &Misses<T>, h: &Dense<T>) -> Option<Self> {
        misses.share().map(|figure| Self {
            figure,
            directions: directions(h),
        })
    }
}

/// What one fit says.
enum Answer {
    Start(Found),
    Fold(HeldOut),
    Block(HeldOut),
    Left(usize),
}

impl Answer {
    /// The components that were found with something held out, for the fit of the next rank to begin with.
    fn directions(&self) -> Option<&Dense<f64>> {
        match self {
            Self::Fold(held) | Self::Block(held) => Some(&held.directions),
            Self::Start(_) | Self::Left(_) => None,
        }
    }
}

impl Answer {
    /// Whether an answer, which may have been kept, is one to this task of a rank.
    fn fits<T: Float>(
        answer: &Option<Self>,
        task: Task,
        (data, rank): (&Data<'_, '_, T>, usize),
    ) -> bool {
        let cols = data.v.cols();
        match (answer, task) {
            (None, _) => true,
            (Some(Self::Start(found)), Task::Start(_)) => {
                let known = |&group: &u32| (group as usize) < rank;
                found.groups.len() == data.samples.len() && found.groups.iter().all(known)
            }
            (Some(Self::Fold(held)), Task::Fold(..)) => held.directions.cols() == cols,
            (Some(Self::Block(held)), Task::Block(block)) => {
                held.directions.cols() == blocks::other_columns(cols, block)
            }
            (Some(Self::Left(count)), Task::Pruned) => *count <= rank,
            _ => false,
        }
    }
}

impl Kept for Answer {
    fn empty() -> Self {
        Self::Left(0)
    }

    fn archive(&mut self, archive: &mut Archive<'_>, shape: (usize, usize)) {
        let mut kind = match self {
            Self::Start(_) => 0,
            Self::Fold(_) => 1,
            Self::Block(_) => 2,
            Self::Left(_) => 3,
        };
        archive.count(&mut kind);
        if archive.fills() {
            *self = match kind {
                0 => Self::Start(Found::empty()),
                1 => Self::Fold(HeldOut::empty()),
                2 => Self::Block(HeldOut::empty()),
                _ => Self::Left(0),
            };
        }
        match self {
            Self::Start(found) => found.archive(archive, shape),
            Self::Fold(held) | Self::Block(held) => held.archive(archive, shape),
            Self::Left(count) => archive.count(count),
        }
    }
}

impl Kept for HeldOut {
    fn empty() -> Self {
        Self {
            figure: 0.0,
            directions: Dense::zeros(0, 0),
        }
    }

    fn archive(&mut self, archive: &mut Archive<'_>, (rows, cols): (usize, usize)) {
        archive.float(&mut self.figure);
        // Of a block those of the other columns.
        let mut count = self.directions.cols();
        archive.count(&mut count);
        archive.require(count <= cols);
        kept::matrix(archive, &mut self.directions, (rows, count.min(cols)));
    }
}

impl Kept for Found {
    fn empty() -> Self {
        Self {
            groups: Vec::new(),
            directions: Dense::zeros(0, 0),
            divergence: 0.0,
            relative_error: 0.0,
        }
    }

    fn archive(&mut self, archive: &mut Archive<'_>, shape: (usize, usize)) {
        let group = |archive: &mut Archive<'_>, group: &mut u32| {
            let mut count = *group as usize;
            archive.count(&mut count);
            archive.require(u32::try_from(count).is_ok());
            *group = count as u32;
        };
        archive.list(&mut self.groups, || 0, group);
        kept::matrix(archive, &mut self.directions, shape);
        archive.float(&mut self.divergence);
        archive.float(&mut self.relative_error);
    }
}

/// The fits that a rank takes.
pub(super) fn tasks(looks: &[Look], starts: usize, folds: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    if looks.contains(&Look::Entries) {
        tasks.extend((0..folds).map(|fold| Task::Fold(fold, folds)));
    }
    if looks.contains(&Look::Blocks) {
        tasks.extend((0..blocks::GROUPS * blocks::GROUPS).map(Task::Block));
    }
    if looks.contains(&Look::Pruned) {
        tasks.push(Task::Pruned);
    }
    if looks.contains(&Look::Starts) {
        tasks.extend((0..starts).map(Task::Start));
    }
    tasks
}

/// All fits of a rank; `None` if the observer ended the survey before the last of them was done. Each of the `tasks` begins with the
/// `components` that its fit of the rank before found, if there was one, and puts its own in their place.
///
/// # Errors
/// The first of the engine's.
pub(super) fn look_at_rank<T: Float>(
    data: &Data<'_, '_, T>,
    (course, threads): (&Course<'_>, &Threads),
    rank: usize,
    (tasks, components): (&[Task], &mut [Option<Dense<f64>>]),
) -> Result<Option<Evidence>, Error> {
    let before = course.done();
    let starts = tasks.iter().any(|task| matches!(task, Task::Start(_)));
    let nmf = data.drawn(rank);
    let rounded = starts.then(|| nmf.rounded(data.v, threads)).flatten();
    let ready = starts.then(|| Ready::new(&nmf, data.v, rounded.as_ref(), threads));
    let ready = ready.transpose()?;
    let hands = (threads, beside(data.v));
    let answers = course.each_kept(rank, tasks.len(), hands, |job, i| {
        answer(
            (data, ready.as_ref()),
            job,
            tasks[i],
            components[i].as_ref(),
        )
    })?;
    let fits = |(answer, &task)| Answer::fits(answer, task, (data, rank));
    if !answers.iter().zip(tasks).all(fits) {
        return Err(Error::State {
            reason: format!("what was kept of rank {rank} does not fit V"),
        });
    }
    let mut evidence = Evidence {
        size: data.size,
        rank,
        starts: Vec::new(),
        entries: Vec::new(),
        blocks: Vec::new(),
        left: None,
    };
    for (answer, components) in answers.iter().zip(components) {
        let directions = answer.as_ref().and_then(Answer::directions);
        *components = directions.cloned();
    }
    for answer in answers.into_iter().flatten() {
        match answer {
            Answer::Start(found) => evidence.starts.push(found),
            Answer::Fold(held) => evidence.entries.push(held.figure),
            Answer::Block(held) => evidence.blocks.push(held.figure),
            Answer::Left(count) => evidence.left = Some(count),
        }
    }
    let done = course.done() - before;
    Ok((done == tasks.len()).then_some(evidence))
}

fn answer<T: Float>(
    (data, ready): (&Data<'_, '_, T>, Option<&Ready<'_, T>>),
    job: &mut Job<'_, '_>,
    task: Task,
    components: Option<&Dense<f64>>,
) -> Result<Option<Answer>, Error> {
    Ok(match task {
        Task::Start(number) => {
            let seed = data.nmf.seed.wrapping_add(number as u64);
            let nmf = data.drawn(job.rank).seed(seed);
            let ready = ready.expect("V is ready for starts");
            let fit = ready.fit(&nmf, job)?;
            Some(Answer::Start(Found {
                groups: consensus::groups(&fit.w, &fit.h, data.samples),
                directions: directions(&fit.h),
                divergence: fit.divergence,
                relative_error: fit.relative_error,
            }))
        }
        Task::Fold(fold, folds) => {
            entries::held_out(data, job, (fold, folds), components)?.map(Answer::Fold)
        }
        Task::Block(block) => blocks::held_out(data, job, block, components)?.map(Answer::Block),
        Task::Pruned => relevance::left(data, job)?.map(Answer::Left),
    })
}
