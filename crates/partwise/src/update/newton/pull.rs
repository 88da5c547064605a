//! The minima of the functions that bound the objective in one coordinate.

use crate::Float;

/// How strongly the data pull a coordinate upwards: S₁ = Σ v h / y and S₂ = Σ v h² / y², times a unit and its square that
/// keep both in range.
pub(super) struct Pull {
    first: f64,
    second: f64,
    unit: f64,
}

impl Pull {
    pub(super) fn new<T: Float>(slope: T, curvature: T) -> Option<Self> {
        let fine = slope.is_finite() && curvature.is_finite();
        fine.then(|| Self {
            first: slope.to_f64(),
            second: curvature.to_f64(),
            unit: 1.0,
        })
    }

    /// The same of entries so near the floor that the squares of their shares leave the range of numbers.
    #[cold]
    pub(super) fn at_the_floor<T: Float>(v: &[T], y: &[T], h: &[T], floor: T) -> Self {
        let unit = floor.to_f64();
        let (mut first, mut second) = (0.0, 0.0);
        for ((v, y), h) in v.iter().zip(y).zip(h) {
            let share = unit / y.to_f64().max(unit) * h.to_f64();
            first += v.to_f64() * share;
            second += v.to_f64() * share * share;
        }
        Self {
            first,
            second,
            unit,
        }
    }

    pub(super) fn slope(&self) -> f64 {
        self.first / self.unit
    }

    pub(super) fn curvature(&self) -> f64 {
        self.second / self.unit / self.unit
    }

    /// The step up against a push s and a penalty l2 on the way: (s + l2 d) (1 + τ d) = S₁, τ = S₂ / S₁.
    pub(super) fn rise(&self, push: f64, l2: f64) -> f64 {
        let mean = self.second / self.first;
        let gain = self.first - push * self.unit;
        let b = l2 * self.unit + push * mean;
        let step = 2.0 * gain / (b + (b * b + 4.0 * l2 * mean * gain).sqrt());
        if step.is_finite() { step.max(0.0) } else { 0.0 }
    }

    /// The part u/x of a coordinate that is left: linear + l2 u = S₁ + S₂ (x − u) x / u.
    pub(super) fn part(&self, x: f64, push: f64, linear: f64, l2: f64) -> f64 {
        let slope = self.slope();
        // No share of an entry is above one, whatever rounding says.
        let curved = (self.curvature() * x).min(slope);
        if curved <= 0.0 {
            return 0.0;
        }
        let b = linear - slope + curved;
        let root = (b * b + 4.0 * l2 * x * curved).sqrt();
        let part = if b >= 0.0 {
            2.0 * curved / (b + root)
        } else {
            (root - b) / (2.0 * l2 * x)
        };
        // Pushed down as it is, it does not grow.
        if push >= slope && part.is_finite() {
            part.min(1.0)
        } else {
            1.0
        }
    }
}
