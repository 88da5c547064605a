//! What a piece of work of many fits has done so far, fit by fit, in records from which a later one goes on to the same bits.
//!
//! The first record says what the others belong to; each other one is what a fit said, with its place: the how-manieth lot of
//! fits it is in, and its number there. What is made of all answers together is made anew.

use std::collections::BTreeMap;

use crate::Error;
use crate::archive::{self, Archive, Identity};
use crate::matrix::Dense;

/// What a fit says, in bytes.
pub(crate) trait Kept: Sized {
    /// To be filled.
    fn empty() -> Self;

    /// Walks over the fields; `shape` is that of H.
    fn archive(&mut self, archive: &mut Archive<'_>, shape: (usize, usize));
}

/// The answers of an earlier piece of work, by lot and number.
#[derive(Debug, Default)]
pub(crate) struct Past(BTreeMap<(usize, usize), Vec<u8>>);

impl Past {
    /// The answers in some records, none of none.
    ///
    /// # Errors
    /// [`Error::State`] if the first record is that of other work.
    pub(crate) fn of(records: &[Vec<u8>], identity: &Identity) -> Result<Self, Error> {
        let Some((first, answers)) = records.split_first() else {
            return Ok(Self::default());
        };
        archive::check(&mut &first[..], identity)?;
        let place = |record: &Vec<u8>| {
            let (mut place, mut input) = ((0, 0), &record[..]);
            let mut archive = Archive::reading(&mut input);
            archive.count(&mut place.0);
            archive.count(&mut place.1);
            archive.finish().map_err(archive::cut_short)?;
            Ok((place, input.to_vec()))
        };
        Ok(Self(answers.iter().map(place).collect::<Result<_, _>>()?))
    }

    /// What a fit said, if it was made.
    ///
    /// # Errors
    /// [`Error::State`] if the record is none of such a fit.
    pub(crate) fn answer<A: Kept>(
        &self,
        place: (usize, usize),
        shape: (usize, usize),
    ) -> Result<Option<Option<A>>, Error> {
        let Some(record) = self.0.get(&place) else {
            return Ok(None);
        };
        let (mut answer, mut input) = (None, &record[..]);
        let mut archive = Archive::reading(&mut input);
        walk(&mut archive, &mut answer, shape);
        archive.finish().map_err(archive::cut_short)?;
        Ok(Some(answer))
    }
}

fn walk<A: Kept>(archive: &mut Archive<'_>, answer: &mut Option<A>, shape: (usize, usize)) {
    archive.option(answer, A::empty, |archive, answer| {
        answer.archive(archive, shape)
    });
}

/// The record that the others belong to.
pub(crate) fn head(identity: Identity) -> Vec<u8> {
    written(|archive| archive::sign(archive, identity))
}

/// The record of a fit; a fit may say nothing.
pub(crate) fn record<A: Kept>(
    mut place: (usize, usize),
    answer: &mut Option<A>,
    shape: (usize, usize),
) -> Vec<u8> {
    written(|archive| {
        archive.count(&mut place.0);
        archive.count(&mut place.1);
        walk(archive, answer, shape);
    })
}

fn written(write: impl FnOnce(&mut Archive<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = Archive::writing(&mut bytes);
    write(&mut archive);
    archive.finish().expect("memory takes what is written");
    bytes
}

/// A matrix of a known shape, empty before it is filled.
pub(crate) fn matrix(
    archive: &mut Archive<'_>,
    dense: &mut Dense<f64>,
    (rows, cols): (usize, usize),
) {
    let mut values = dense.as_slice().to_vec();
    floats(archive, &mut values, rows * cols);
    if archive.fills()
        && let Ok(filled) = Dense::from_rows(values, rows, cols)
    {
        *dense = filled;
    }
}

/// So many numbers.
pub(crate) fn floats(archive: &mut Archive<'_>, values: &mut Vec<f64>, count: usize) {
    archive.floats(values);
    archive.require(values.len() == count);
}
