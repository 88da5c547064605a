//! Where factors of a whole picture come from: this crate knows no solver.

/// V ≈ W H.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// m × k, row-major.
    pub w: Vec<f32>,
    /// k × n, row-major.
    pub h: Vec<f32>,
}

/// Why a factorisation failed.
pub type FactorError = Box<dyn std::error::Error + Send + Sync>;

/// Factors matrices.
pub trait Factoriser: Sync {
    /// Non-negative W (m × `rank`) and H (`rank` × n) of a non-negative V, row-major, of `shape` (m, n); `rank` is
    /// at most the smaller side.
    ///
    /// # Errors
    /// Whatever the solver refuses.
    fn non_negative(
        &self,
        v: &[f32],
        shape: (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError>;

    /// U Σ (m × `rank`) and Vᵀ (`rank` × n) of the truncated singular value decomposition, largest values first. Every
    /// method asks for it: the singular values tell which ranks can pay.
    ///
    /// # Errors
    /// Whatever the solver refuses.
    fn singular(
        &self,
        v: &[f32],
        shape: (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError>;
}
