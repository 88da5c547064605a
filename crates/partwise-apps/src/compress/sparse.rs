//! Finds codes and components of blocks: coordinate descent on squared error plus λ times bits.
//!
//! By turns the codes improve with the components still, each a whole number of steps, and the components with the
//! codes still, which is least squares one component at a time (as in HALS; a code is W⁺ − W⁻ and a component ON − OFF,
//! see [`patches`](super::patches)). The beginning is what NNDSVD takes too, the parts above and below zero of the
//! leading singular vectors (Boutsidis & Gallopoulos 2008). With components that stand still it is the truncated SVD,
//! stored the same way.

use super::Method;
use super::numbers::LARGEST;
use super::patches::{atom_step, decoded_atoms};
use super::price::{Prices, class};
use super::rows::{Rows, products};

/// λ over the squared step: what a bit may cost. For uniform quantisers of Laplacian sources it is near this.
pub(super) const PRICE_OF_A_BIT: f32 = 0.15;
/// Turns between codes and components.
const TURNS: usize = 4;
/// Sweeps over the codes once the components are what the file holds.
const LAST_SWEEPS: usize = 2;
/// A coefficient of a component is rounded to zero below this many steps.
const DEAD_ZONE: f32 = 0.6;

/// How factors are sought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    /// The step of codes, above 0.
    pub(super) step: f32,
    /// Whether components follow their codes: else they stay what they were up to length.
    pub(super) method: Method,
    /// Whether codes and components may lie below zero.
    pub(super) signed: bool,
}

/// Factors as a file holds them.
#[derive(Debug)]
pub(super) struct Found {
    /// Per component, half-octaves that its step lies below 1.
    pub(super) exponents: Vec<i32>,
    /// Components × width, in their steps.
    pub(super) atoms: Vec<i32>,
    /// Rows × components, in steps.
    pub(super) codes: Vec<i32>,
}

/// Codes and components under way.
struct Search<'a> {
    rows: &'a Rows,
    course: Course,
    step: f32,
    /// Components × width.
    atoms: Vec<f32>,
    /// Rows × components.
    codes: Vec<i32>,
    rank: usize,
    /// Of each row, those left and above.
    beside: Vec<[Option<usize>; 2]>,
    prices: Prices,
    /// Bits that each component's codes take, at the prices they were chosen by.
    spent: Vec<f32>,
    lambda: f32,
}

/// Factors of these rows, from components to begin with (components × width), and codes (rows × components) unless the
/// components are orthonormal.
pub(super) fn search(rows: &Rows, atoms: &[f32], codes: Option<&[f32]>, course: Course) -> Found {
    let rank = atoms.len() / rows.width.max(1);
    let mut search = Search {
        rows,
        course,
        step: course.step,
        atoms: atoms.to_vec(),
        codes: vec![0; rows.count() * rank],
        rank,
        beside: rows.beside(),
        prices: Prices::new(rank),
        spent: vec![0.0; rank],
        lambda: PRICE_OF_A_BIT * course.step * course.step,
    };
    search.begin(codes);
    let turns = match course.method {
        Method::NonNegative => TURNS,
        Method::Singular => 2,
    };
    for turn in 0..turns {
        search.improve_codes();
        search.drop_idle();
        match course.method {
            Method::NonNegative => search.improve_atoms(turn + 1 < turns),
            Method::Singular if turn + 1 == turns => search.scale_atoms(),
            Method::Singular => {}
        }
    }
    search.by_energy();
    let (exponents, atoms) = search.keep_atoms();
    search.atoms = decoded_atoms(&atoms, &exponents, rows.width);
    for _ in 0..LAST_SWEEPS {
        search.improve_codes();
    }
    Found {
        exponents,
        atoms,
        codes: search.codes,
    }
}

/// The nearest number that can be coded.
pub(super) fn whole(value: f32) -> i32 {
    value.round().clamp(-LARGEST as f32, LARGEST as f32) as i32
}

impl Search<'_> {
    fn atom(&self, component: usize) -> &[f32] {
        &self.atoms[component * self.rows.width..(component + 1) * self.rows.width]
    }

    /// Components in columns: width × components.
    fn turned(&self) -> Vec<f32> {
        let width = self.rows.width;
        let mut turned = vec![0.0; self.atoms.len()];
        for (component, atom) in self.atoms.chunks_exact(width).enumerate() {
            for (i, &value) in atom.iter().enumerate() {
                turned[i * self.rank + component] = value;
            }
        }
        turned
    }

    /// Products of all pairs of components.
    fn gram(&self) -> Vec<f32> {
        let turned = self.turned();
        let mut gram = vec![0.0; self.rank * self.rank];
        if self.rank > 0 {
            for (row, atom) in gram
                .chunks_exact_mut(self.rank)
                .zip(self.atoms.chunks_exact(self.rows.width))
            {
                products(atom, &turned, row);
            }
        }
        gram
    }

    /// First codes, small ones zero, to learn prices from.
    fn begin(&mut self, given: Option<&[f32]>) {
        let turned = self.turned();
        let mut found = vec![0.0; self.rank];
        let rows = self.rows;
        for (row, values) in rows.values.chunks_exact(rows.width.max(1)).enumerate() {
            match given {
                Some(given) => found.copy_from_slice(&given[row * self.rank..][..self.rank]),
                None => products(values, &turned, &mut found),
            }
            for (component, &value) in found.iter().enumerate() {
                let steps = value / self.step;
                let code = whole(steps.abs() - 0.2).max(0) * steps.signum() as i32;
                self.codes[row * self.rank + component] = code;
            }
        }
        self.learn_prices();
    }

    /// Takes the prices from the codes as they are.
    fn learn_prices(&mut self) {
        for row in 0..self.rows.count() {
            for component in 0..self.rank {
                let class = class(self.neighbours(row), component);
                let code = self.codes[row * self.rank + component];
                self.prices.note(component, class, code);
            }
        }
        self.prices.learn();
    }

    /// The codes left and above of a row's.
    fn neighbours(&self, row: usize) -> [&[i32]; 2] {
        self.beside[row].map(|row| match row {
            Some(row) => &self.codes[row * self.rank..(row + 1) * self.rank],
            None => &self.codes[..0],
        })
    }

    /// One sweep over all codes: each takes the value with the least error and bits, the others still.
    fn improve_codes(&mut self) {
        let (rank, width, step) = (self.rank, self.rows.width, self.step);
        if rank == 0 {
            return;
        }
        let (turned, gram) = (self.turned(), self.gram());
        let mut left_over = vec![0.0; width];
        let mut pull = vec![0.0; rank];
        self.spent.fill(0.0);
        for (row, values) in self.rows.values.chunks_exact(width).enumerate() {
            left_over.copy_from_slice(values);
            for component in 0..rank {
                let code = self.codes[row * rank + component];
                if code != 0 {
                    let weight = code as f32 * step;
                    for (rest, value) in left_over.iter_mut().zip(self.atom(component)) {
                        *rest -= weight * value;
                    }
                }
            }
            products(&left_over, &turned, &mut pull);
            for component in 0..rank {
                let curvature = gram[component * rank + component];
                let old = self.codes[row * rank + component];
                let class = class(self.neighbours(row), component);
                let new = if curvature > 0.0 {
                    let wanted = old as f32 + pull[component] / (curvature * step);
                    self.choose(component, class, wanted, curvature * step * step)
                } else {
                    0
                };
                self.spent[component] += self.prices.of(component, class, new);
                self.prices.note(component, class, new);
                if new != old {
                    self.codes[row * rank + component] = new;
                    let moved = (new - old) as f32 * step;
                    let row = &gram[component * rank..(component + 1) * rank];
                    for (pull, product) in pull.iter_mut().zip(row) {
                        *pull -= moved * product;
                    }
                }
            }
        }
        self.prices.learn();
    }

    /// The code near `wanted` with the least error, at `weight` a squared step, and bits.
    fn choose(&self, component: usize, class: usize, wanted: f32, weight: f32) -> i32 {
        let near = whole(wanted);
        if near == 0 || (near < 0 && !self.course.signed) {
            return 0;
        }
        let cost = |code: i32| {
            let error = wanted - code as f32;
            weight * error * error + self.lambda * self.prices.of(component, class, code)
        };
        let mut best = (cost(0), 0);
        for code in [near - near.signum(), near] {
            let cost = cost(code);
            if cost < best.0 {
                best = (cost, code);
            }
        }
        best.1
    }

    /// What the components leave of the blocks, blocks × width.
    fn left_over(&self) -> Vec<f32> {
        let width = self.rows.width;
        let mut rest = self.rows.values.clone();
        if self.rank > 0 {
            for (row, codes) in rest
                .chunks_exact_mut(width)
                .zip(self.codes.chunks_exact(self.rank))
            {
                for (component, &code) in codes.iter().enumerate() {
                    if code != 0 {
                        let weight = code as f32 * self.step;
                        for (rest, value) in row.iter_mut().zip(self.atom(component)) {
                            *rest -= weight * value;
                        }
                    }
                }
            }
        }
        rest
    }

    /// Of each component, the rows that use it and their weights.
    fn users(&self) -> Vec<Vec<(usize, f32)>> {
        let mut users = vec![Vec::new(); self.rank];
        for (row, codes) in self.codes.chunks_exact(self.rank.max(1)).enumerate() {
            for (users, &code) in users.iter_mut().zip(codes) {
                if code != 0 {
                    users.push((row, code as f32 * self.step));
                }
            }
        }
        users
    }

    /// The sums, over a component's users, of squared weights, and of weights times what is left of the rows.
    fn pulled(&self, users: &[(usize, f32)], rest: &[f32], sum: &mut [f32]) -> f32 {
        let width = self.rows.width;
        sum.fill(0.0);
        for &(row, weight) in users {
            for (sum, value) in sum.iter_mut().zip(&rest[row * width..(row + 1) * width]) {
                *sum += weight * value;
            }
        }
        users.iter().map(|(_, weight)| weight * weight).sum()
    }

    /// Drops components that save less error than they and their codes cost.
    fn drop_idle(&mut self) {
        let width = self.rows.width;
        let rest = self.left_over();
        let mut sum = vec![0.0; width];
        let mut kept = Vec::new();
        for (component, users) in self.users().iter().enumerate() {
            let squares = self.pulled(users, &rest, &mut sum);
            let atom = self.atom(component);
            let length: f32 = atom.iter().map(|x| x * x).sum();
            let overlap: f32 = atom.iter().zip(&sum).map(|(a, b)| a * b).sum();
            let saved = squares * length + 2.0 * overlap;
            let atom_step = self.step / squares.sqrt();
            let digits = |x: &f32| {
                let steps = x.abs() / atom_step;
                if steps < DEAD_ZONE {
                    0.3
                } else {
                    2.5 + 1.3 * (steps + 0.5).log2()
                }
            };
            let bits = self.spent[component] + atom.iter().map(digits).sum::<f32>();
            if squares > 0.0 && saved > self.lambda * bits {
                kept.push(component);
            }
        }
        self.take(&kept);
    }

    /// Keeps these components, in this order.
    fn take(&mut self, kept: &[usize]) {
        if kept.iter().copied().eq(0..self.rank) {
            return;
        }
        let atoms = kept.iter().flat_map(|&component| self.atom(component));
        let atoms: Vec<f32> = atoms.copied().collect();
        let codes = if self.rank == 0 {
            Vec::new()
        } else {
            let rows = self.codes.chunks_exact(self.rank);
            rows.flat_map(|row| kept.iter().map(|&component| row[component]))
                .collect()
        };
        self.atoms = atoms;
        self.codes = codes;
        self.rank = kept.len();
        // Prices of other components would mislead.
        self.prices = Prices::new(self.rank);
        self.spent = vec![0.0; self.rank];
        self.learn_prices();
    }

    /// Each component to its least squares, the others and all codes still; of length 1 if there are codes to follow.
    fn improve_atoms(&mut self, normal: bool) {
        let width = self.rows.width;
        let mut rest = self.left_over();
        let mut sum = vec![0.0; width];
        for (component, users) in self.users().iter().enumerate() {
            let squares = self.pulled(users, &rest, &mut sum);
            if squares == 0.0 {
                continue;
            }
            let mut atom = self.atom(component).to_vec();
            let mut change: Vec<f32> = sum.iter().map(|sum| sum / squares).collect();
            for (value, change) in atom.iter_mut().zip(&mut change) {
                let least = if self.course.signed { f32::MIN } else { 0.0 };
                let new = (*value + *change).max(least);
                *change = new - *value;
                *value = new;
            }
            let length = atom.iter().map(|x| x * x).sum::<f32>().sqrt();
            if normal && length > 0.0 {
                for (value, change) in atom.iter_mut().zip(&mut change) {
                    let scaled = *value / length;
                    *change += scaled - *value;
                    *value = scaled;
                }
            }
            for &(row, weight) in users {
                let row = &mut rest[row * width..(row + 1) * width];
                for (rest, change) in row.iter_mut().zip(&change) {
                    *rest -= weight * change;
                }
            }
            self.atoms[component * width..(component + 1) * width].copy_from_slice(&atom);
        }
    }

    /// Each component to the length that is best for its codes.
    fn scale_atoms(&mut self) {
        let width = self.rows.width;
        let rest = self.left_over();
        let mut sum = vec![0.0; width];
        for (component, users) in self.users().iter().enumerate() {
            let squares = self.pulled(users, &rest, &mut sum);
            let atom = &mut self.atoms[component * width..(component + 1) * width];
            let length: f32 = atom.iter().map(|x| x * x).sum();
            let overlap: f32 = atom.iter().zip(&sum).map(|(a, b)| a * b).sum();
            if squares * length > 0.0 {
                let scale = 1.0 + overlap / (squares * length);
                atom.iter_mut().for_each(|value| *value *= scale);
            }
        }
    }

    fn squares(&self, component: usize) -> f64 {
        let codes = self.codes.iter().skip(component).step_by(self.rank);
        codes.map(|&code| f64::from(code).powi(2)).sum()
    }

    /// Orders components by the energy of their codes, the largest first.
    fn by_energy(&mut self) {
        let energies: Vec<f64> = (0..self.rank).map(|i| self.squares(i)).collect();
        let mut order: Vec<usize> = (0..self.rank).collect();
        order.sort_by(|&a, &b| energies[b].total_cmp(&energies[a]));
        self.take(&order);
    }

    /// Steps and coefficients of the components. An error in a component counts as often as its codes say, so its step
    /// is theirs over the length of all its codes: then a bit saves as much error here as there.
    fn keep_atoms(&self) -> (Vec<i32>, Vec<i32>) {
        let mut exponents = Vec::new();
        let mut atoms = Vec::new();
        for component in 0..self.rank {
            let exponent = self.squares(component).log2().round().clamp(0.0, 40.0) as i32;
            let step = atom_step(exponent);
            atoms.extend(self.atom(component).iter().map(|value| {
                let steps = value / step;
                if steps.abs() < DEAD_ZONE {
                    0
                } else {
                    whole(steps)
                }
            }));
            exponents.push(exponent);
        }
        (exponents, atoms)
    }
}
