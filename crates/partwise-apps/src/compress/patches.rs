//! Blocks of pixels as rows of a matrix: what a file holds of them, and how it becomes planes again.
//!
//! A block is its mean, times the constant component, plus the difference of an ON and an OFF channel, what lies above
//! the mean and what lies below it (Hoyer 2002). A component is an ON and an OFF part; exchanged, they are its negative,
//! and each stored component serves in both polarities. So a code with its polarity is a whole number with a sign, and
//! a component is kept as ON − OFF, by its cosine coefficients. Every W and H behind them is non-negative.

use super::bits::Bits;
use super::cosine::Cosine;
use super::damage::Damage;
use super::numbers::{LARGEST, LEVELS, Numbers, level, parameter};
use super::planes::{Form, Plane};
use crate::image::Channels;

/// No group has more components.
pub(super) const MOST_COMPONENTS: usize = 255;
/// Sides that blocks may have.
pub(super) const SIDES: [usize; 2] = [8, 16];
/// Exponents of the components' steps lie below.
const EXPONENTS: i32 = 64;
/// What the exponent adds to a context of a component's coefficient.
const EXPONENT_CONTEXTS: usize = 16;

/// Blocks across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) across: usize,
    pub(super) down: usize,
}

impl Grid {
    pub(super) fn count(self) -> usize {
        self.across * self.down
    }
}

/// Planes that share components: luma, or both chromas.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// The blocks of each plane.
    pub(super) grids: Vec<Grid>,
    /// Constant coefficients of all blocks in steps, plane after plane, row after row.
    pub(super) means: Vec<i32>,
    /// Per component, half-octaves that its step lies below 1.
    pub(super) exponents: Vec<i32>,
    /// Components × (coefficients − 1), in their steps.
    pub(super) atoms: Vec<i32>,
    /// Blocks × components, in steps.
    pub(super) codes: Vec<i32>,
}

/// Refuses an exponent that no component has.
pub(super) fn check_exponent(exponent: i32) -> Result<(), Damage> {
    if (0..EXPONENTS).contains(&exponent) {
        Ok(())
    } else {
        Err(Damage("the step of a component is out of range"))
    }
}

/// A component's step from its exponent: 2^(−exponent / 2).
pub(super) fn atom_step(exponent: i32) -> f32 {
    let half = if exponent % 2 == 0 { 1.0 } else { 0.707_106_77 };
    half / (1_u64 << (exponent / 2)) as f32
}

/// Components × width as they are decoded.
pub(super) fn decoded_atoms(atoms: &[i32], exponents: &[i32], width: usize) -> Vec<f32> {
    let atoms = atoms.chunks_exact(width.max(1)).zip(exponents);
    atoms
        .flat_map(|(atom, &exponent)| {
            let step = atom_step(exponent);
            atom.iter().map(move |&value| value as f32 * step)
        })
        .collect()
}

impl Group {
    pub(super) fn rank(&self) -> usize {
        self.exponents.len()
    }

    /// An empty group of this form, for a reader to fill.
    pub(super) fn empty(grids: Vec<Grid>) -> Self {
        let blocks = grids.iter().map(|grid| grid.count()).sum();
        Self {
            grids,
            means: vec![0; blocks],
            exponents: Vec::new(),
            atoms: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// Writes the group, or fills it.
    pub(super) fn code<B: Bits>(&mut self, bits: &mut B, cosine: &Cosine) -> Result<(), Damage> {
        self.code_means(bits)?;
        let rank = parameter(bits, self.rank() as u32)? as usize;
        if rank > MOST_COMPONENTS.min(cosine.count() - 1) {
            return Err(Damage("a group has more components than blocks can have"));
        }
        let blocks = self.means.len();
        self.exponents.resize(rank, 0);
        self.atoms.resize(rank * (cosine.count() - 1), 0);
        self.codes.resize(blocks * rank, 0);
        self.code_atoms(bits, cosine)?;
        self.code_codes(bits)
    }

    /// Means, each from those left and above.
    fn code_means<B: Bits>(&mut self, bits: &mut B) -> Result<(), Damage> {
        let mut start = 0;
        for &grid in &self.grids {
            let mut numbers = Numbers::new([LEVELS * LEVELS, LEVELS], [3, 1], true);
            let means = &mut self.means[start..start + grid.count()];
            let mut errors = vec![0_u32; grid.count()];
            for y in 0..grid.down {
                for x in 0..grid.across {
                    let at = y * grid.across + x;
                    let left = (x > 0).then(|| at - 1);
                    let above = (y > 0).then(|| at - grid.across);
                    let corner = (x > 0 && y > 0).then(|| at - grid.across - 1);
                    let (guess, slope) = match (left, above, corner) {
                        (Some(left), Some(above), Some(corner)) => {
                            let [l, a, c] = [left, above, corner].map(|at| means[at]);
                            let guess = (l + a - c).clamp(l.min(a), l.max(a));
                            (guess, l.abs_diff(c) + a.abs_diff(c))
                        }
                        (Some(near), _, _) | (_, Some(near), _) => (means[near], 0),
                        _ => (0, 0),
                    };
                    let error = |place: Option<usize>| place.map_or(0, |at| errors[at]);
                    let recent = error(left) + error(above);
                    let contexts = [level(slope) * LEVELS + level(recent), level(recent)];
                    let sign = left.map_or(1, |at| (means[at] - guess).signum() + 1);
                    let difference = (means[at] - guess).clamp(-LARGEST, LARGEST);
                    let found = numbers.code(bits, difference, contexts, [sign as usize, 0])?;
                    errors[at] = found.unsigned_abs();
                    means[at] = (guess + found).clamp(-LARGEST, LARGEST);
                }
            }
            start += grid.count();
        }
        Ok(())
    }

    /// Components, each coefficient beside its neighbours in frequency and what earlier components hold there.
    fn code_atoms<B: Bits>(&mut self, bits: &mut B, cosine: &Cosine) -> Result<(), Damage> {
        let width = cosine.count() - 1;
        let side = cosine.count().isqrt();
        let places = cosine.places();
        let mut steps = Numbers::new([1], [1, 1], true);
        let mut numbers = Numbers::new(
            [
                2 * side * EXPONENT_CONTEXTS,
                LEVELS * 4,
                LEVELS * EXPONENT_CONTEXTS,
            ],
            [1, 1],
            true,
        );
        let mut before = 0;
        let mut held = vec![0.0_f32; width];
        for (exponent, atom) in self
            .exponents
            .iter_mut()
            .zip(self.atoms.chunks_exact_mut(width))
        {
            before += steps.code(bits, *exponent - before, [0], [0, 0])?;
            check_exponent(before)?;
            *exponent = before;
            let step = atom_step(before);
            let size = (before as usize / 3).min(EXPONENT_CONTEXTS - 1);
            for place in 0..width {
                let (u, v) = cosine.frequency(place + 1);
                let near = |u: usize, v: usize| match places[u * side + v] {
                    0 => 0,
                    place => atom[place - 1].unsigned_abs(),
                };
                let mut near_sum = 0;
                if u > 0 {
                    near_sum += near(u - 1, v);
                }
                if v > 0 {
                    near_sum += near(u, v - 1);
                }
                let taken = match held[place] {
                    ..0.1 => 0,
                    ..0.5 => 1,
                    ..0.9 => 2,
                    _ => 3,
                };
                let contexts = [
                    (u + v) * EXPONENT_CONTEXTS + size,
                    level(near_sum) * 4 + taken,
                    level((u + v) as u32) * EXPONENT_CONTEXTS + size,
                ];
                atom[place] = numbers.code(bits, atom[place], contexts, [0, 0])?;
                held[place] += (atom[place] as f32 * step).powi(2);
            }
        }
        Ok(())
    }

    /// Codes, component after component, each beside its neighbours in the picture and what earlier components say.
    fn code_codes<B: Bits>(&mut self, bits: &mut B) -> Result<(), Damage> {
        const COARSE: usize = 8;
        const MOST: usize = MOST_COMPONENTS + 1;
        let rank = self.rank();
        let mut numbers = Numbers::new(
            [
                MOST * COARSE,
                LEVELS * COARSE,
                LEVELS * LEVELS,
                LEVELS * COARSE,
                2 * LEVELS * COARSE,
            ],
            [MOST * 9, MOST * 3],
            true,
        );
        let codes = &mut self.codes;
        // How much earlier components say of each block, the latest the most.
        let mut energy = vec![0_u32; self.means.len()];
        for component in 0..rank {
            let mut start = 0;
            for (plane, &grid) in self.grids.iter().enumerate() {
                for y in 0..grid.down {
                    for x in 0..grid.across {
                        let block = start + y * grid.across + x;
                        let at = |block: usize| codes[block * rank + component];
                        let (west, east) = (x > 0, x + 1 < grid.across);
                        let (north, south) = (y > 0, y + 1 < grid.down);
                        let left = if west { at(block - 1) } else { 0 };
                        let above = if north { at(block - grid.across) } else { 0 };
                        let mut own = 2 * (left.unsigned_abs() + above.unsigned_abs());
                        if west && north {
                            own += at(block - grid.across - 1).unsigned_abs();
                        }
                        if east && north {
                            own += at(block - grid.across + 1).unsigned_abs();
                        }
                        let earlier = |back: usize| match component.checked_sub(back) {
                            Some(component) => codes[block * rank + component].unsigned_abs(),
                            None => 0,
                        };
                        let mut ahead = 0;
                        if east {
                            ahead += energy[block + 1];
                        }
                        if south {
                            ahead += energy[block + grid.across];
                        }
                        let twin = if plane == 0 { 0 } else { at(block - start) };
                        let coarse = |x: u32| level(x).min(COARSE - 1);
                        let contexts = [
                            component * COARSE + coarse(own),
                            level(own) * COARSE + coarse(2 * earlier(1) + earlier(2)),
                            level(energy[block] / 4) * LEVELS + level(component as u32),
                            level(ahead / 8) * COARSE + coarse(own),
                            (level(energy[block] / 4) * COARSE + coarse(twin.unsigned_abs())) * 2
                                + plane.min(1),
                        ];
                        let sign = |x: i32| (x.signum() + 1) as usize;
                        let sign_contexts = [
                            component * 9 + sign(left) * 3 + sign(above),
                            component * 3 + sign(twin),
                        ];
                        let place = block * rank + component;
                        codes[place] = numbers.code(bits, codes[place], contexts, sign_contexts)?;
                    }
                }
                start += grid.count();
            }
            for (energy, block) in energy.iter_mut().zip(codes.chunks_exact(rank)) {
                let now = block[component].unsigned_abs().min(1 << 12);
                *energy = *energy * 7 / 8 + 8 * now;
            }
        }
        Ok(())
    }
}

/// A picture as blocks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Patches {
    pub(super) form: Form,
    /// Pixels along a side of a block: one of [`SIDES`].
    pub(super) side: usize,
    /// The step of codes and means.
    pub(super) step: f32,
    /// Luma, and in a colour picture both chromas.
    pub(super) groups: Vec<Group>,
}

/// The planes that share components.
pub(super) fn grouped(channels: Channels) -> &'static [&'static [usize]] {
    match channels {
        Channels::Grey => &[&[0]],
        Channels::Colour => &[&[0], &[1, 2]],
    }
}

/// The blocks of a plane.
pub(super) fn grid(form: &Form, side: usize, plane: usize) -> Grid {
    let (width, height) = form.plane(plane);
    Grid {
        across: width.div_ceil(side),
        down: height.div_ceil(side),
    }
}

impl Patches {
    /// Blocks of this form without content, for a reader to fill.
    pub(super) fn empty(form: Form, side: usize, step: f32) -> Self {
        let group = |planes: &&[usize]| {
            Group::empty(
                planes
                    .iter()
                    .map(|&plane| grid(&form, side, plane))
                    .collect(),
            )
        };
        Self {
            form,
            side,
            step,
            groups: grouped(form.channels).iter().map(group).collect(),
        }
    }

    /// Writes the blocks, or fills them.
    pub(super) fn code<B: Bits>(&mut self, bits: &mut B) -> Result<(), Damage> {
        let cosine = Cosine::new(self.side);
        for group in &mut self.groups {
            group.code(bits, &cosine)?;
        }
        Ok(())
    }

    /// The planes: codes times components, blocks put in their places.
    pub(super) fn planes(&self) -> Vec<Plane> {
        let cosine = Cosine::new(self.side);
        let (side, count) = (self.side, cosine.count());
        let mut planes = Vec::new();
        let (mut coefficients, mut pixels) = (vec![0.0; count], vec![0.0; count]);
        for group in &self.groups {
            let rank = group.rank();
            let atoms = decoded_atoms(&group.atoms, &group.exponents, count - 1);
            let mut block = 0;
            for grid in &group.grids {
                let (width, height) = self.form.plane(planes.len());
                let mut samples = vec![0.0; width * height];
                for place in 0..grid.count() {
                    let (row, column) = (place / grid.across * side, place % grid.across * side);
                    coefficients.fill(0.0);
                    coefficients[0] = group.means[block] as f32 * self.step;
                    let codes = &group.codes[block * rank..(block + 1) * rank];
                    for (&code, atom) in codes.iter().zip(atoms.chunks_exact(count - 1)) {
                        if code != 0 {
                            let weight = code as f32 * self.step;
                            for (target, value) in coefficients[1..].iter_mut().zip(atom) {
                                *target += weight * value;
                            }
                        }
                    }
                    cosine.inverse(&coefficients, &mut pixels);
                    let across = side.min(width - column);
                    for (y, line) in pixels.chunks_exact(side).enumerate().take(height - row) {
                        let start = (row + y) * width + column;
                        samples[start..start + across].copy_from_slice(&line[..across]);
                    }
                    block += 1;
                }
                planes.push(Plane {
                    width,
                    height,
                    samples,
                });
            }
        }
        planes
    }
}
