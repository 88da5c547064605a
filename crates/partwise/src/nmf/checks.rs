//! What can be refused of a fit before any work.

use super::{Factor, Nmf, Start};
use crate::constraint::{Beside, Constraint, asymmetry};
use crate::error::refuse;
use crate::kernel;
use crate::loss::Penalty;
use crate::matrix::{Dense, Matrix, Signs, Summary, check_entries};
use crate::{Error, Float, Init, Solver};

impl Nmf {
    /// Refuses several starts where each would be the same one.
    pub(crate) fn check_n_init(&self, init: Option<Init>) -> Result<(), Error> {
        let several = self.n_init.get() > 1;
        let legal = match init {
            Some(init) if several && !init.is_drawn() && self.init != Init::auto() => {
                let drawn: Vec<_> = Init::all().filter(|init| init.is_drawn()).collect();
                let names: Vec<_> = drawn.iter().map(|init| init.name()).collect();
                format!(
                    "expected 1 with init '{}', which makes the same start each time; several are drawn by {}",
                    init.name(),
                    names.join(", ")
                )
            }
            None if several => "expected 1 where no start is drawn".to_owned(),
            _ => return Ok(()),
        };
        refuse("n_init", self.n_init, legal)
    }

    /// Refuses starts and solvers that need more of V than its passes say, which is all there is where entries are missing or
    /// weighted.
    pub(crate) fn check_passes_alone<T: Float>(&self, start: &Start<'_, T>) -> Result<(), Error> {
        let place = "where entries are missing or weighted";
        self.check_free(place)?;
        let makes_start = start.hold.is_none() && (start.w.is_none() || start.h.is_none());
        if makes_start && ![Init::auto(), Init::drawn()].contains(&self.init) {
            return refuse(
                "init",
                self.init.name(),
                format!("expected {} or given factors {place}", Init::drawn().name()),
            );
        }
        if self.solver.sketches() {
            return refuse(
                "solver",
                self.solver.name(),
                format!("expected a solver without a sketch {place}"),
            );
        }
        Ok(())
    }

    /// Refuses orders that are none of all components, and those of a solver that has none.
    pub(super) fn check_orders(&self) -> Result<(), Error> {
        let Some(orders) = &self.orders else {
            return Ok(());
        };
        if !self.solver.takes_orders() || !self.constraints.is_empty() {
            let takes = Solver::all().find(|solver| solver.takes_orders());
            let name = takes.map_or("none", Solver::name);
            let legal = format!("expected none but for the solver {name}, without constraints");
            return refuse("orders", orders.len(), legal);
        }
        for order in orders.iter() {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(0..self.rank) {
                let legal = format!("expected each number below {} once", self.rank);
                return refuse("orders", format!("{order:?}"), legal);
            }
        }
        Ok(())
    }

    /// Refuses what is not asked of partitions of V, and a start that cannot be made there.
    pub(crate) fn check_elsewhere<T: Float>(
        &self,
        start: &Start<'_, T>,
        init: Option<Init>,
        shape: (usize, usize),
    ) -> Result<(), Error> {
        let place = "where V is in partitions";
        let others = self.constraints.iter();
        let mut others = others.filter(|constraint| !constraint.sees_right_sums_alone());
        if let Some(constraint) = others.next() {
            let legal =
                format!("expected none {place}, or one on H that needs nothing of V or W but sums");
            return Self::refuse_constraint(constraint, legal);
        }
        self.check_constrained::<T>(start, &[], shape)?;
        if let Some(init) = init.filter(|init| init.picks_rows()) {
            let others = Init::all().filter(|init| !init.picks_rows());
            let names: Vec<_> = others.map(Init::name).skip(1).collect();
            return refuse(
                "init",
                init.name(),
                format!("expected {} or given factors {place}", names.join(", ")),
            );
        }
        Ok(())
    }

    fn refuse_constraint<R>(constraint: &Constraint, legal: String) -> Result<R, Error> {
        refuse("constraint", constraint, legal)
    }

    /// Refuses constraints where there is no half-step for them.
    pub(crate) fn check_free(&self, place: &str) -> Result<(), Error> {
        match self.constraints.first() {
            None => Ok(()),
            Some(first) => Self::refuse_constraint(first, format!("expected none {place}")),
        }
    }

    /// Whether nothing but V and the penalty has a say in what the factors may be.
    pub(super) fn is_free(&self) -> bool {
        self.constraints.is_empty() && self.signed.is_none() && self.prices.is_none()
    }

    /// Whether the start finds the components, which are then held.
    pub(crate) fn chooses(&self) -> bool {
        self.constraints.iter().any(Constraint::chooses)
    }

    /// Whether both factors are to be the same.
    pub(crate) fn is_symmetric(&self) -> bool {
        self.constraints.iter().any(Constraint::is_symmetric)
    }

    /// The price of a difference between both factors, where they are to be the same: in proportion to what the mean eigenvalue of the
    /// other factor's Gram matrix comes to.
    pub(crate) fn symmetric_price(&self, squares: f64) -> Option<f64> {
        let mut constraints = self.constraints.iter();
        let found = constraints.find(|constraint| constraint.is_symmetric())?;
        Some(found.value()? * (squares / self.rank as f64).sqrt())
    }

    /// The factor of whose rows more is known than V, for its constraint.
    pub(crate) fn informed(&self) -> Option<Factor> {
        let informed = self.constraints.iter().find(|x| x.is_informed());
        informed.map(Constraint::factor)
    }

    /// The start, or the one that `auto` stands for.
    pub(crate) fn chosen_init(&self, k: usize, m: usize, n: usize) -> Result<Init, Error> {
        let wanted = self.constraints.iter().find_map(Constraint::init);
        let fits = k <= m.min(n);
        match wanted {
            Some(name) if self.init == Init::auto() && (fits || self.chooses()) => name.parse(),
            _ => self.init.resolve(k, m, n),
        }
    }

    /// Refuses constraints that the other parameters or each other rule out.
    pub(crate) fn check_constraints(&self) -> Result<(), Error> {
        let refuse = Self::refuse_constraint::<()>;
        if let Some(beside) = &self.beside {
            let name = beside.name();
            if !self.constraints.iter().any(|x| x.name() == name) {
                return crate::error::refuse(
                    name,
                    format!("{} rows", beside.len()),
                    format!("expected none without the constraint '{name}'"),
                );
            }
        }
        for (i, constraint) in self.constraints.iter().enumerate() {
            let same = |other: &&Constraint| other.factor() == constraint.factor();
            if let Some(other) = self.constraints[..i].iter().find(same) {
                let legal =
                    format!("expected one constraint on a factor; there is {other} already");
                return refuse(constraint, legal);
            }
            let informed = |other: &&Constraint| other.is_informed();
            if let (true, Some(other)) = (
                constraint.is_informed(),
                self.constraints[..i].iter().find(informed),
            ) {
                let legal =
                    format!("expected a graph or labels on one factor; there is {other} already");
                return refuse(constraint, legal);
            }
            let solver = self.solver;
            if solver.sketches() {
                let legal = format!(
                    "expected a solver without a sketch, not '{solver}'; 'hals' is the same on V"
                );
                return refuse(constraint, legal);
            }
            if constraint.is_symmetric()
                || self.constraints[..i].iter().any(Constraint::is_symmetric)
            {
                if let [first, second, ..] = &self.constraints[..] {
                    let legal = format!(
                        "expected 'symmetric' alone, not beside {}",
                        if i == 0 { second } else { first }
                    );
                    return refuse(constraint, legal);
                }
                if self.penalty.alpha_w > 0.0 || self.penalty.alpha_h > 0.0 {
                    let (w, h) = (self.penalty.alpha_w, self.penalty.alpha_h);
                    let legal =
                        format!("expected no penalties beside it, not alpha_w {w} and alpha_h {h}");
                    return refuse(constraint, legal);
                }
            }
            if constraint.is_signed() {
                self.check_signed(constraint)?;
            }
            if constraint.chooses() {
                if self.init != Init::auto() && !self.init.picks_rows() {
                    let legal = format!("expected init snpa or spa, not '{}'", self.init);
                    return refuse(constraint, legal);
                }
                if self.n_init.get() > 1 {
                    let legal = format!(
                        "expected n_init 1, not {}: its start is not drawn",
                        self.n_init
                    );
                    return refuse(constraint, legal);
                }
                continue;
            }
            if !self.loss.is_quadratic() {
                let legal = format!("expected the loss frobenius, not {}", self.loss);
                return refuse(constraint, legal);
            }
            if !solver.leaves_zero() {
                let legal =
                    format!("expected a solver that can leave zero, such as hals, not '{solver}'");
                return refuse(constraint, legal);
            }
        }
        Ok(())
    }

    /// Refuses what asks more of a factor than that its entries may have any sign.
    fn check_signed(&self, constraint: &Constraint) -> Result<(), Error> {
        let refuse = |legal: &str| Self::refuse_constraint(constraint, legal.to_owned());
        let mut others = self.constraints.iter().filter(|other| *other != constraint);
        if let Some(other) = others.next() {
            return refuse(&format!("expected it alone, not beside {other}"));
        }
        let alpha = match constraint.factor() {
            Factor::W => self.penalty.alpha_w,
            Factor::H => self.penalty.alpha_h,
        };
        if alpha > 0.0 && self.penalty.l1_ratio > 0.0 {
            return refuse(
                "expected no L1 penalty on a factor of any sign; l1_ratio 0 leaves the L2 penalty",
            );
        }
        let mixes = constraint.mixes();
        if mixes && self.penalty != Penalty::default() {
            return refuse("expected no penalties beside it");
        }
        if mixes && self.n_init.get() > 1 {
            let n_init = self.n_init;
            return refuse(&format!(
                "expected n_init 1, not {n_init}; other seeds draw other starts"
            ));
        }
        let picks = mixes && self.init.picks_rows();
        if !picks && ![Init::auto(), Init::drawn()].contains(&self.init) {
            let legal = if mixes {
                "random, spa or snpa"
            } else {
                "random"
            };
            return refuse(&format!("expected init {legal}, not '{}'", self.init));
        }
        Ok(())
    }

    /// Refuses constraints of a fit that begins so, on a V in so many blocks.
    pub(crate) fn check_constrained<T: Float>(
        &self,
        start: &Start<'_, T>,
        given: &[Matrix<'_, T>],
        (rows, cols): (usize, usize),
    ) -> Result<(), Error> {
        let refuse = |constraint: &Constraint, legal: &str| {
            Self::refuse_constraint(constraint, legal.to_owned())
        };
        let blocks = given.len();
        for constraint in &self.constraints {
            let factor = constraint.factor();
            let (length, name) = match factor {
                Factor::W => (rows, "rows"),
                Factor::H => (cols, "columns"),
            };
            if start.hold == Some(factor) {
                return refuse(
                    constraint,
                    "expected no constraint on a factor that is held",
                );
            }
            if !(start.held_w.is_empty() && start.held_h.is_empty()) {
                return refuse(constraint, "expected none where components are held");
            }
            if constraint.mixes() && (start.w.is_some() || start.h.is_some()) {
                return refuse(constraint, "expected no start, which is made of rows of V");
            }
            if constraint.chooses() && start.h.is_some() {
                return refuse(
                    constraint,
                    "expected no start of H, which is made of rows of V",
                );
            }
            if factor == Factor::W && blocks > 1 {
                let legal = format!("expected V in one piece, not in {blocks} blocks of rows");
                return Self::refuse_constraint(constraint, legal);
            }
            if constraint.is_symmetric() {
                check_symmetric(constraint, given, start.hold)?;
            }
            if constraint.is_informed() {
                self.check_informed(constraint, given, (length, name))?;
            }
            if constraint.name() == "hoyer" && length < 2 {
                let legal = format!("expected at least 2 {name}: one number has no sparseness");
                return Self::refuse_constraint(constraint, legal);
            }
        }
        Ok(())
    }

    /// Refuses what is known of too many or too few rows, or of none, and a V whose lines cannot be walked so that the loop sees the rows
    /// of the factor together.
    fn check_informed<T: Float>(
        &self,
        constraint: &Constraint,
        given: &[Matrix<'_, T>],
        (length, lines): (usize, &str),
    ) -> Result<(), Error> {
        let by_columns = constraint.factor() == Factor::W;
        for block in given {
            if block.prefers_columns() != by_columns {
                block.check_held(&format!("the constraint {constraint}"))?;
            }
        }
        match &self.beside {
            Some(Beside::Graph(graph)) if graph.len() != length => Err(Error::Shape {
                matrix: "the graph",
                rows: graph.len(),
                cols: graph.len(),
                expected_rows: length,
                expected_cols: length,
            }),
            Some(Beside::Labels(labels)) if labels.len() != length => refuse(
                "labels",
                format!("{} of them", labels.len()),
                format!("expected one for each of the {length} {lines} of V"),
            ),
            Some(_) => Ok(()),
            None if constraint.name() == "labels" => {
                let legal = format!("expected labels, one for each of the {length} {lines} of V");
                Self::refuse_constraint(constraint, legal)
            }
            None => {
                let what = format!("the constraint {constraint} without a given graph");
                given.iter().try_for_each(|block| block.check_held(&what))
            }
        }
    }

    pub(crate) fn check_start<T: Float>(
        &self,
        start: &Start<'_, T>,
        rows: usize,
        cols: usize,
    ) -> Result<(), Error> {
        let given = [
            (Factor::W, start.w, rows, self.rank, start.held_w),
            (Factor::H, start.h, self.rank, cols, start.held_h),
        ];
        for (factor, matrix, rows, cols, held) in given {
            if let Some(component) = held.iter().find(|component| **component >= self.rank) {
                return refuse(
                    "held component",
                    component,
                    format!(
                        "expected a component of {} from 0 to {}",
                        factor.name(),
                        self.rank - 1
                    ),
                );
            }
            let Some(matrix) = matrix else {
                if start.hold == Some(factor) || !held.is_empty() {
                    return Err(Error::HeldWithoutStart {
                        factor: factor.name(),
                    });
                }
                continue;
            };
            if (matrix.rows(), matrix.cols()) != (rows, cols) {
                return Err(Error::Shape {
                    matrix: factor.name(),
                    rows: matrix.rows(),
                    cols: matrix.cols(),
                    expected_rows: rows,
                    expected_cols: cols,
                });
            }
            let signs = match self.signed {
                Some(signed) if signed == factor => Signs::Any,
                _ => Signs::NonNegative,
            };
            check_entries(factor.name(), matrix, false, signs)?;
        }
        Ok(())
    }

    /// Refuses a rank with which the factors could not be addressed, or for which the system has no room.
    pub(crate) fn check_rank_size<T>(&self, rows: usize, cols: usize) -> Result<(), Error> {
        let lines = rows as f64 + cols as f64 + self.rank as f64;
        // Gram matrices are kept in double precision.
        let bytes = lines * self.rank as f64 * size_of::<T>().max(size_of::<f64>()) as f64;
        // Asked for and given back: an allocation that fails later would end the process.
        let fits =
            bytes < isize::MAX as f64 && Vec::<u8>::new().try_reserve_exact(bytes as usize).is_ok();
        if fits {
            return Ok(());
        }
        refuse(
            "rank",
            self.rank,
            format!(
                "expected a rank with which the factors of a {rows} × {cols} matrix fit in memory"
            ),
        )
    }

    /// Refuses a V whose products leave the range of its type, and a start so large that its products or the first objective would.
    pub(crate) fn check_start_size<T: Float>(
        &self,
        start: &Start<'_, T>,
        v: &Summary,
    ) -> Result<(), Error> {
        let (v_largest, entries) = (v.largest, v.weight);
        let largest = |factor: Option<&Dense<T>>| {
            factor.map_or(0.0, |factor| kernel::largest(factor.as_slice()))
        };
        let (w, h) = (largest(start.w), largest(start.h));
        let refuse = |what| {
            Err(Error::Scale {
                matrix: "V",
                value: v_largest,
                what,
            })
        };
        match (start.w.is_some(), start.h.is_some()) {
            _ if !self.loss.is_quadratic() => {}
            (false, false) if !v.has_products::<T>() => return refuse("its product with a factor"),
            (true, false) | (false, true)
                if v_largest > w.max(h) * T::LARGEST.to_f64() && w.max(h) > 0.0 =>
            {
                return refuse("what it is of the given factor");
            }
            _ => {}
        }
        // A factor that is not given is made in proportion to √V.
        let made = |size: f64| if size > 0.0 { size } else { v_largest.sqrt() };
        let product = self.rank as f64 * made(w) * made(h);
        let powers = product.powf(self.loss.beta().max(2.0)) * entries;
        // Gram matrices and V Hᵀ are kept in the type of V.
        let sums = (w.max(h) * w.max(h).max(v_largest)) * entries;
        if powers.is_finite() && T::from_f64(sums).is_finite() {
            return Ok(());
        }
        let (matrix, value) = if w > h { ("W", w) } else { ("H", h) };
        Err(Error::Scale {
            matrix,
            value,
            what: "its product with the other factor",
        })
    }
}

/// Refuses a V that is not symmetric and in memory.
fn check_symmetric<T: Float>(
    constraint: &Constraint,
    given: &[Matrix<'_, T>],
    hold: Option<Factor>,
) -> Result<(), Error> {
    let legal = match given {
        _ if hold.is_some() => "expected no factor that is held".to_owned(),
        [v] => {
            v.check_held(&format!("the constraint {constraint}"))?;
            let (rows, cols) = (v.rows(), v.cols());
            if rows != cols {
                format!("expected a symmetric V, not one of {rows} × {cols}")
            } else if let Some((i, j, here, there)) = asymmetry(v) {
                format!(
                    "expected a symmetric V, but its entry ({i}, {j}) is {here} and ({j}, {i}) is {there}"
                )
            } else {
                return Ok(());
            }
        }
        _ => "expected V in one piece".to_owned(),
    };
    Nmf::refuse_constraint(constraint, legal)
}
