//! The whole picture as one matrix, as in the textbook: what a file holds of W and H, and how they become pixels again.
//!
//! Each row of pixels is a row of V, the channels side by side. A factor's neighbouring entries are often alike, so a
//! vector may be kept as differences: to the entry before, or, in H, to the same place of the channel before.

use super::bits::Bits;
use super::damage::Damage;
use super::factors::Factors;
use super::numbers::{LARGEST, LEVELS, Numbers, level, parameter};
use super::patches::{Grid, MOST_COMPONENTS, decoded_atoms};
use super::planes::rounded;
use super::rows::Rows;
use super::sparse::{self, Course};
use super::{Method, patches};
use crate::image::PictureMatrix;

/// What an entry is guessed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guess {
    /// Nothing: it is kept as it is.
    Nothing,
    /// The entry before.
    Before,
    /// The same place of the channel before, moved by what the entry before was off.
    Channel,
}

const GUESSES: [Guess; 3] = [Guess::Nothing, Guess::Before, Guess::Channel];

/// W and H of a whole picture, in steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    pub(super) height: usize,
    /// Columns of the matrix and how many channels lie side by side in them.
    pub(super) columns: usize,
    pub(super) channels: usize,
    /// The step of W.
    pub(super) step: f32,
    /// Whether entries may lie below zero, as those of an SVD do.
    pub(super) signed: bool,
    /// Per component, half-octaves that the step of its row of H lies below 1.
    exponents: Vec<i32>,
    /// Per component, how its column of W and each channel of its row of H are guessed.
    guesses: Vec<u32>,
    /// height × components.
    w: Vec<i32>,
    /// components × columns.
    h: Vec<i32>,
}

impl Whole {
    /// A picture of this form without content, for a reader to fill.
    pub(super) fn empty(
        (height, columns): (usize, usize),
        channels: usize,
        step: f32,
        signed: bool,
    ) -> Self {
        Self {
            height,
            columns,
            channels,
            step,
            signed,
            exponents: Vec::new(),
            guesses: Vec::new(),
            w: Vec::new(),
            h: Vec::new(),
        }
    }

    /// The picture at a step, from factors to begin with.
    pub(super) fn encode(
        picture: &PictureMatrix,
        factors: &Factors,
        step: f32,
        method: Method,
    ) -> Self {
        let (height, columns) = picture.shape();
        let signed = method == Method::Singular;
        let rank = factors.h.len() / columns;
        // Rows of H of length 1, so that errors in W count alike.
        let mut atoms = factors.h.clone();
        let mut codes = factors.w.clone();
        for (component, atom) in atoms.chunks_exact_mut(columns).enumerate() {
            let length = atom.iter().map(|x| x * x).sum::<f32>().sqrt();
            if length > 0.0 {
                atom.iter_mut().for_each(|value| *value /= length);
            }
            codes
                .iter_mut()
                .skip(component)
                .step_by(rank)
                .for_each(|value| *value *= length);
        }
        let rows = Rows {
            values: picture.values().to_vec(),
            width: columns,
            grids: vec![Grid {
                across: height,
                down: 1,
            }],
        };
        let course = Course {
            step,
            method,
            signed,
        };
        let found = sparse::search(&rows, &atoms, Some(&codes), course);
        let mut whole = Self {
            exponents: found.exponents,
            w: found.codes,
            h: found.atoms,
            ..Self::empty((height, columns), picture.channels().count(), step, signed)
        };
        whole.guesses = (0..whole.rank() * (1 + whole.channels))
            .map(|vector| whole.best_guess(vector))
            .collect();
        whole
    }

    pub(super) fn rank(&self) -> usize {
        self.exponents.len()
    }

    /// The entries of a vector, and those that stand before them if it is a channel after the first. Vectors are, for
    /// each component, its column of W and the channels of its row of H.
    fn vector(&self, vector: usize) -> (Vec<i32>, Option<Vec<i32>>) {
        let (component, part) = (vector / (1 + self.channels), vector % (1 + self.channels));
        if part == 0 {
            let column = self.w.iter().skip(component).step_by(self.rank());
            return (column.copied().collect(), None);
        }
        let width = self.columns / self.channels;
        let start = component * self.columns + (part - 1) * width;
        let entries = self.h[start..start + width].to_vec();
        let before = (part > 1).then(|| self.h[start - width..start].to_vec());
        (entries, before)
    }

    /// The guess whose differences have the fewest digits.
    fn best_guess(&self, vector: usize) -> u32 {
        let (entries, before) = self.vector(vector);
        let cost = |guess: Guess| -> f64 {
            (0..entries.len())
                .map(|i| {
                    let off = entries[i] - guessed(guess, &entries, before.as_deref(), i);
                    f64::from(1 + 2 * off.unsigned_abs()).log2()
                })
                .sum()
        };
        let possible = if before.is_some() { 3 } else { 2 };
        let best = (0..possible).min_by(|&a, &b| cost(GUESSES[a]).total_cmp(&cost(GUESSES[b])));
        best.unwrap_or(0) as u32
    }

    /// Writes the factors, or fills them.
    pub(super) fn code<B: Bits>(&mut self, bits: &mut B) -> Result<(), Damage> {
        let rank = parameter(bits, self.rank() as u32)? as usize;
        if rank > MOST_COMPONENTS.min(self.height).min(self.columns) {
            return Err(Damage("the picture has more components than it can have"));
        }
        self.exponents.resize(rank, 0);
        self.guesses.resize(rank * (1 + self.channels), 0);
        self.w.resize(self.height * rank, 0);
        self.h.resize(rank * self.columns, 0);
        let mut before = 0;
        let mut exponents = Numbers::new([1], [1, 1], true);
        for exponent in &mut self.exponents {
            before += exponents.code(bits, *exponent - before, [0], [0, 0])?;
            patches::check_exponent(before)?;
            *exponent = before;
        }
        let mut models: Vec<Numbers<2>> = GUESSES
            .iter()
            .flat_map(|&guess| [guess; 2])
            .map(|guess| {
                let signed = self.signed || guess != Guess::Nothing;
                Numbers::new([LEVELS * LEVELS, MOST_COMPONENTS * LEVELS], [3, 1], signed)
            })
            .collect();
        for vector in 0..self.guesses.len() {
            let (mut entries, before) = self.vector(vector);
            let number = parameter(bits, self.guesses[vector])?;
            self.guesses[vector] = number;
            let number = number as usize;
            if number >= GUESSES.len() || (number == 2 && before.is_none()) {
                return Err(Damage("a vector is guessed in an unknown way"));
            }
            let (component, part) = (vector / (1 + self.channels), vector % (1 + self.channels));
            let model = &mut models[2 * number + part.min(1)];
            let (mut last, mut second) = (0_i32, 0_i32);
            for i in 0..entries.len() {
                let guess = guessed(GUESSES[number], &entries, before.as_deref(), i);
                let (one, two) = (last.unsigned_abs(), second.unsigned_abs());
                let contexts = [
                    level(one) * LEVELS + level(two),
                    component * LEVELS + level(one + two),
                ];
                let off = (entries[i] - guess).clamp(-LARGEST, LARGEST);
                let sign = (last.signum() + 1) as usize;
                let found = model.code(bits, off, contexts, [sign, 0])?;
                let least = if self.signed { -LARGEST } else { 0 };
                entries[i] = (guess + found).clamp(least, LARGEST);
                (second, last) = (last, found);
            }
            self.set_vector(vector, &entries);
        }
        Ok(())
    }

    fn set_vector(&mut self, vector: usize, entries: &[i32]) {
        let (component, part) = (vector / (1 + self.channels), vector % (1 + self.channels));
        let rank = self.rank();
        if part == 0 {
            let column = self.w.iter_mut().skip(component).step_by(rank);
            column.zip(entries).for_each(|(old, &new)| *old = new);
        } else {
            let width = self.columns / self.channels;
            let start = component * self.columns + (part - 1) * width;
            self.h[start..start + width].copy_from_slice(entries);
        }
    }

    /// W H clipped to 0..1 and rounded to whole multiples of 1/`peak`, height × columns.
    pub(super) fn values(&self, peak: f32) -> Vec<f32> {
        let (rank, columns) = (self.rank(), self.columns);
        let atoms = decoded_atoms(&self.h, &self.exponents, columns);
        let mut values = vec![0.0; self.height * columns];
        if rank == 0 {
            return values;
        }
        for (row, codes) in values
            .chunks_exact_mut(columns)
            .zip(self.w.chunks_exact(rank))
        {
            for (&code, atom) in codes.iter().zip(atoms.chunks_exact(columns)) {
                if code != 0 {
                    let weight = code as f32 * self.step;
                    for (sum, value) in row.iter_mut().zip(atom) {
                        *sum += weight * value;
                    }
                }
            }
            for value in row {
                *value = rounded(*value, peak);
            }
        }
        values
    }
}

/// What entry `i` is guessed to be.
fn guessed(guess: Guess, entries: &[i32], before: Option<&[i32]>, i: usize) -> i32 {
    let last = if i > 0 { entries[i - 1] } else { 0 };
    match (guess, before) {
        (Guess::Nothing, _) => 0,
        (Guess::Channel, Some(before)) => {
            let off = if i > 0 { last - before[i - 1] } else { 0 };
            before[i] + off
        }
        _ => last,
    }
}
