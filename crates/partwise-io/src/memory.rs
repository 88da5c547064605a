//! Memory for matrices: what may be taken is checked before it is taken, and a matrix of unknown length grows without
//! ever holding twice what it needs.

use crate::error::Error;

/// The file being read (for messages) and how much memory its matrix may take.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pub(crate) file: String,
    pub(crate) limit: Option<u64>,
}

impl Budget {
    /// Refuses `needed` bytes when they are more than allowed.
    pub(crate) fn check(&self, needed: u64) -> Result<(), Error> {
        match self.limit {
            Some(limit) if needed > limit => Err(Error::TooLarge {
                file: self.file.clone(),
                needed,
                limit,
                at_least: false,
            }),
            _ => Ok(()),
        }
    }

    /// Refuses `needed` bytes, to which more may come.
    pub(crate) fn check_so_far(&self, needed: u64) -> Result<(), Error> {
        match self.limit {
            Some(limit) if needed > limit => Err(Error::TooLarge {
                file: self.file.clone(),
                needed,
                limit,
                at_least: true,
            }),
            _ => Ok(()),
        }
    }

    /// An empty vector with room for exactly `count` entries, if allowed and there.
    pub(crate) fn allocate<T>(&self, count: u64) -> Result<Vec<T>, Error> {
        let needed = count.saturating_mul(size_of::<T>() as u64);
        self.check(needed)?;
        self.take(count)
    }

    /// As [`Self::allocate`], for what was checked before as part of a larger sum.
    pub(crate) fn take<T>(&self, count: u64) -> Result<Vec<T>, Error> {
        let out_of_memory = || Error::OutOfMemory {
            file: self.file.clone(),
            needed: count.saturating_mul(size_of::<T>() as u64),
        };
        let count = usize::try_from(count).map_err(|_| out_of_memory())?;
        let mut vector = Vec::new();
        vector
            .try_reserve_exact(count)
            .map_err(|_| out_of_memory())?;
        Ok(vector)
    }
}

/// Bytes of one chunk. Above the largest size (32 MiB) that allocators keep for reuse instead of giving it back to the
/// system, so that the chunks already joined are really freed.
const CHUNK_BYTES: usize = 33 << 20;

/// A vector that grows by chunks, so that its peak is its final size and one chunk, not twice its size.
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    budget: Budget,
    full: Vec<Vec<T>>,
    current: Vec<T>,
    full_len: usize,
}

impl<T: Copy> Chunks<T> {
    /// Room for `expected` entries at once when that is known (they are checked against the budget here, before
    /// allocation); more are taken if more come.
    pub(crate) fn new(budget: &Budget, expected: Option<u64>) -> Result<Self, Error> {
        Ok(Self {
            budget: budget.clone(),
            full: Vec::new(),
            current: match expected {
                Some(count) => budget.allocate(count)?,
                None => Vec::new(),
            },
            full_len: 0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.full_len + self.current.len()
    }

    pub(crate) fn push(&mut self, value: T) -> Result<(), Error> {
        if self.current.len() == self.current.capacity() {
            self.grow()?;
        }
        self.current.push(value);
        Ok(())
    }

    pub(crate) fn extend_from_slice(&mut self, mut values: &[T]) -> Result<(), Error> {
        while !values.is_empty() {
            if self.current.len() == self.current.capacity() {
                self.grow()?;
            }
            let room = self.current.capacity() - self.current.len();
            let (now, later) = values.split_at(room.min(values.len()));
            self.current.extend_from_slice(now);
            values = later;
        }
        Ok(())
    }

    /// Hands over all entries in order, and forgets them.
    pub(crate) fn drain(
        &mut self,
        mut sink: impl FnMut(&[T]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for chunk in self.full.drain(..) {
            sink(&chunk)?;
        }
        self.full_len = 0;
        sink(&self.current)?;
        self.current.clear();
        Ok(())
    }

    /// Takes room for `total` entries at once, those already here included, now that so many are expected.
    pub(crate) fn expect(&mut self, total: u64) -> Result<(), Error> {
        let mut grown = Self::new(&self.budget, Some(total.max(self.len() as u64)))?;
        for chunk in self
            .full
            .drain(..)
            .chain([std::mem::take(&mut self.current)])
        {
            grown.current.extend_from_slice(&chunk);
        }
        *self = grown;
        Ok(())
    }

    #[cold]
    fn grow(&mut self) -> Result<(), Error> {
        let size = size_of::<T>() as u64;
        let taken = self.len() as u64 * size;
        self.budget.check_so_far(taken + size)?;
        let most = (CHUNK_BYTES / size_of::<T>()) as u64;
        let room = self
            .budget
            .limit
            .map_or(most, |limit| most.min((limit - taken) / size));
        let fresh = self.budget.take(room)?;
        let filled = std::mem::replace(&mut self.current, fresh);
        if !filled.is_empty() {
            self.full_len += filled.len();
            self.full.push(filled);
        }
        Ok(())
    }

    /// The entries in one vector. Each chunk is freed as soon as it is joined.
    pub(crate) fn finish(mut self) -> Result<Vec<T>, Error> {
        if self.full.is_empty() {
            self.current.shrink_to_fit();
            return Ok(self.current);
        }
        let total = self.len() as u64;
        self.full.push(std::mem::take(&mut self.current));
        let mut joined = self.budget.take(total)?;
        for chunk in self.full {
            joined.extend_from_slice(&chunk);
        }
        Ok(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: Option<u64>) -> Budget {
        Budget {
            file: "v".into(),
            limit,
        }
    }

    #[test]
    fn chunks_keep_order_across_growth() {
        let mut chunks = Chunks::<u64>::new(&budget(None), Some(3)).unwrap();
        let count = 2 * CHUNK_BYTES as u64 / 8 + 100;
        for value in 0..10 {
            chunks.push(value).unwrap();
        }
        chunks
            .extend_from_slice(&(10..count).collect::<Vec<_>>())
            .unwrap();
        assert_eq!(chunks.len() as u64, count);
        assert!(chunks.finish().unwrap().into_iter().eq(0..count));
    }

    #[test]
    fn growth_stops_at_the_limit() {
        let mut chunks = Chunks::<u64>::new(&budget(Some(80)), None).unwrap();
        for value in 0..10 {
            chunks.push(value).unwrap();
        }
        let error = chunks.push(10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "v: needs at least 88 bytes of memory; allowed are 80 bytes"
        );
        assert!(Chunks::<u64>::new(&budget(Some(80)), Some(11)).is_err());
    }

    #[test]
    fn an_absurd_size_is_an_error_and_not_an_abort() {
        let error = budget(None).allocate::<f64>(u64::MAX).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }
}
