//! The two precisions of a matrix, f32 and f64, behind one bound, so that each reader is written once.

use crate::matrix::{AnyDense, AnyMatrix, Dense, Matrix, Precision};

/// f32 or f64.
pub(crate) trait Real:
    Copy
    + Default
    + PartialOrd
    + std::fmt::Debug
    + std::ops::AddAssign
    + bytemuck::Pod
    + fast_float2::FastFloat
    + 'static
{
    const PRECISION: Precision;
    /// Rounds to nearest.
    fn from_f64(value: f64) -> Self;
    /// Exact.
    fn from_f32(value: f32) -> Self;
    /// Exact.
    fn to_f64(self) -> f64;
    /// Hides the precision.
    fn any(matrix: Matrix<Self>) -> AnyMatrix;
    /// Hides the precision.
    fn any_dense(dense: Dense<Self>) -> AnyDense;
}

impl Real for f32 {
    const PRECISION: Precision = Precision::F32;
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn from_f32(value: f32) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn any(matrix: Matrix<Self>) -> AnyMatrix {
        AnyMatrix::F32(matrix)
    }
    fn any_dense(dense: Dense<Self>) -> AnyDense {
        AnyDense::F32(dense)
    }
}

impl Real for f64 {
    const PRECISION: Precision = Precision::F64;
    fn from_f64(value: f64) -> Self {
        value
    }
    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn any(matrix: Matrix<Self>) -> AnyMatrix {
        AnyMatrix::F64(matrix)
    }
    fn any_dense(dense: Dense<Self>) -> AnyDense {
        AnyDense::F64(dense)
    }
}

/// Runs a generic reader in the precision found at run time: `at_precision!(precision, T => expression using T)`.
macro_rules! at_precision {
    ($precision:expr, $real:ident => $body:expr) => {
        match $precision {
            $crate::matrix::Precision::F32 => {
                type $real = f32;
                $body
            }
            $crate::matrix::Precision::F64 => {
                type $real = f64;
                $body
            }
        }
    };
}
pub(crate) use at_precision;

/// The precision asked for by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtype {
    /// What the file holds as 32-bit floats stays so; everything else becomes 64-bit floats.
    #[default]
    Auto,
    /// 32-bit floats, rounded to nearest where the file holds more.
    F32,
    /// 64-bit floats.
    F64,
}

impl Dtype {
    /// The precision for a file whose entries are (or are not) 32-bit floats.
    pub(crate) fn resolve(self, file_is_f32: bool) -> Precision {
        match (self, file_is_f32) {
            (Self::F32, _) | (Self::Auto, true) => Precision::F32,
            (Self::F64, _) | (Self::Auto, false) => Precision::F64,
        }
    }
}
