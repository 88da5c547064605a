//! Threads over fixed pieces of work. How work is cut depends on shapes only, and results come back in order, so
//! that the number of threads never changes a bit of the answer.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::ThreadPool;
use rayon::prelude::*;

/// A number of threads to work with. One thread works without a pool.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    pool: Option<Arc<ThreadPool>>,
}

impl Threads {
    /// `None` takes all processors. Pools are kept for the life of the process: a fit spins up none.
    pub(crate) fn new(count: Option<NonZeroUsize>) -> Self {
        static POOLS: OnceLock<Mutex<HashMap<usize, Arc<ThreadPool>>>> = OnceLock::new();
        let count = count
            .or_else(|| std::thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        if count == 1 {
            return Self { pool: None };
        }
        let mut pools = POOLS
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&count) {
            return Self {
                pool: Some(pool.clone()),
            };
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|i| format!("partwise-{i}"))
            .build()
            .ok()
            .map(Arc::new);
        // Where the system gives no threads, one does the work.
        if let Some(pool) = &pool {
            pools.insert(count, pool.clone());
        }
        Self { pool }
    }

    /// Results of `task(0)`, `task(1)`, … in order.
    pub(crate) fn map<R: Send>(&self, tasks: usize, task: impl Fn(usize) -> R + Sync) -> Vec<R> {
        match &self.pool {
            Some(pool) if tasks > 1 => {
                pool.install(|| (0..tasks).into_par_iter().map(&task).collect())
            }
            _ => (0..tasks).map(&task).collect(),
        }
    }

    /// Results of `task(i, chunk i)` in order, over chunks of `length` values (the last may be shorter).
    pub(crate) fn map_chunks<T: Send, R: Send>(
        &self,
        values: &mut [T],
        length: usize,
        task: impl Fn(usize, &mut [T]) -> R + Sync,
    ) -> Vec<R> {
        match &self.pool {
            Some(pool) if values.len() > length => pool.install(|| {
                values
                    .par_chunks_mut(length)
                    .enumerate()
                    .map(|(i, chunk)| task(i, chunk))
                    .collect()
            }),
            _ => values
                .chunks_mut(length)
                .enumerate()
                .map(|(i, chunk)| task(i, chunk))
                .collect(),
        }
    }

    /// As [`Self::map_chunks`] over two arrays cut in step: `task(i, chunk i of a, chunk i of b)`.
    pub(crate) fn map_chunks_of_two<T: Send, U: Send, R: Send>(
        &self,
        (a, a_length): (&mut [T], usize),
        (b, b_length): (&mut [U], usize),
        task: impl Fn(usize, &mut [T], &mut [U]) -> R + Sync,
    ) -> Vec<R> {
        match &self.pool {
            Some(pool) if a.len() > a_length => pool.install(|| {
                a.par_chunks_mut(a_length)
                    .zip(b.par_chunks_mut(b_length))
                    .enumerate()
                    .map(|(i, (a, b))| task(i, a, b))
                    .collect()
            }),
            _ => a
                .chunks_mut(a_length)
                .zip(b.chunks_mut(b_length))
                .enumerate()
                .map(|(i, (a, b))| task(i, a, b))
                .collect(),
        }
    }

    /// Results of `task(i, pieces[i])` in order.
    pub(crate) fn map_pieces<P: Send, R: Send>(
        &self,
        pieces: Vec<P>,
        task: impl Fn(usize, P) -> R + Sync,
    ) -> Vec<R> {
        let numbered = |(i, piece)| task(i, piece);
        match &self.pool {
            Some(pool) if pieces.len() > 1 => {
                pool.install(|| pieces.into_par_iter().enumerate().map(numbered).collect())
            }
            _ => pieces.into_iter().enumerate().map(numbered).collect(),
        }
    }
}
