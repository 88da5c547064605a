//! A matrix as it comes out of a file, owned: dense in either order, or compressed sparse in either layout.

/// Which index runs fastest in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Entry (i, j) lies at `i * cols + j`.
    RowMajor,
    /// Entry (i, j) lies at `j * rows + i`.
    ColumnMajor,
}

/// A dense matrix of `rows` × `cols`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense<T> {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// How `data` is laid out.
    pub order: Order,
    /// The entries, `rows * cols` of them.
    pub data: Vec<T>,
}

impl<T: Copy> Dense<T> {
    /// Entry (row, col). Panics outside the matrix.
    pub fn get(&self, row: usize, col: usize) -> T {
        assert!(
            row < self.rows && col < self.cols,
            "({row}, {col}) outside {} × {}",
            self.rows,
            self.cols
        );
        match self.order {
            Order::RowMajor => self.data[row * self.cols + col],
            Order::ColumnMajor => self.data[col * self.rows + row],
        }
    }
}

/// Which dimension is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Compressed sparse rows: `offsets` bound each row, `indices` are columns.
    Csr,
    /// Compressed sparse columns: `offsets` bound each column, `indices` are rows.
    Csc,
}

/// The inner indices of a sparse matrix, as narrow as the file had them and the shape allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Indices {
    /// 32 bit.
    I32(Vec<i32>),
    /// 64 bit.
    I64(Vec<i64>),
}

impl Indices {
    /// Number of indices.
    pub fn len(&self) -> usize {
        match self {
            Self::I32(indices) => indices.len(),
            Self::I64(indices) => indices.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index at `position`. Panics outside.
    pub fn get(&self, position: usize) -> usize {
        match self {
            Self::I32(indices) => indices[position] as usize,
            Self::I64(indices) => indices[position] as usize,
        }
    }
}

/// A compressed sparse matrix of `rows` × `cols`.
///
/// Always canonical: within each row (CSR) or column (CSC) the indices strictly increase and lie inside the shape,
/// `offsets` starts at 0, never falls and ends at the number of stored entries. Zeros that the file stores are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse<T> {
    /// Which dimension is compressed.
    pub layout: Layout,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Bounds of each row (CSR) or column (CSC) in `indices` and `values`; one more than there are rows or columns.
    pub offsets: Vec<i64>,
    /// Column (CSR) or row (CSC) of each stored entry.
    pub indices: Indices,
    /// The stored entries.
    pub values: Vec<T>,
}

impl<T: Copy> Sparse<T> {
    /// The stored entries as (row, column, value), in the order of the layout.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, T)> + '_ {
        self.offsets
            .windows(2)
            .enumerate()
            .flat_map(move |(outer, bounds)| {
                (bounds[0] as usize..bounds[1] as usize).map(move |position| {
                    let inner = self.indices.get(position);
                    let value = self.values[position];
                    match self.layout {
                        Layout::Csr => (outer, inner, value),
                        Layout::Csc => (inner, outer, value),
                    }
                })
            })
    }
}

/// A dense or a sparse matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix<T> {
    /// Every entry stored.
    Dense(Dense<T>),
    /// Only some entries stored; the others are zero.
    Sparse(Sparse<T>),
}

impl<T> Matrix<T> {
    /// (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Dense(dense) => (dense.rows, dense.cols),
            Self::Sparse(sparse) => (sparse.rows, sparse.cols),
        }
    }

    /// Whether only some entries are stored.
    pub fn is_sparse(&self) -> bool {
        matches!(self, Self::Sparse(_))
    }

    /// The stored entries: all of a dense matrix, the explicit ones of a sparse matrix.
    pub fn stored(&self) -> &[T] {
        match self {
            Self::Dense(dense) => &dense.data,
            Self::Sparse(sparse) => &sparse.values,
        }
    }
}

/// The precision of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
}

impl Precision {
    /// The name that numpy gives it: `float32` or `float64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }
}

/// A matrix of either precision.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyMatrix {
    /// 32-bit floats.
    F32(Matrix<f32>),
    /// 64-bit floats.
    F64(Matrix<f64>),
}

impl AnyMatrix {
    /// (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::F32(matrix) => matrix.shape(),
            Self::F64(matrix) => matrix.shape(),
        }
    }

    /// Number of entries that are not zero (NaN counts). Walks over the stored entries.
    pub fn nonzeros(&self) -> usize {
        match self {
            Self::F32(matrix) => matrix
                .stored()
                .iter()
                .filter(|value| **value != 0.0)
                .count(),
            Self::F64(matrix) => matrix
                .stored()
                .iter()
                .filter(|value| **value != 0.0)
                .count(),
        }
    }

    /// Whether only some entries are stored.
    pub fn is_sparse(&self) -> bool {
        match self {
            Self::F32(matrix) => matrix.is_sparse(),
            Self::F64(matrix) => matrix.is_sparse(),
        }
    }

    /// The precision of the entries.
    pub fn precision(&self) -> Precision {
        match self {
            Self::F32(_) => Precision::F32,
            Self::F64(_) => Precision::F64,
        }
    }
}

/// A dense matrix of either precision.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyDense {
    /// 32-bit floats.
    F32(Dense<f32>),
    /// 64-bit floats.
    F64(Dense<f64>),
}

impl AnyDense {
    /// (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::F32(dense) => (dense.rows, dense.cols),
            Self::F64(dense) => (dense.rows, dense.cols),
        }
    }

    /// The precision of the entries.
    pub fn precision(&self) -> Precision {
        match self {
            Self::F32(_) => Precision::F32,
            Self::F64(_) => Precision::F64,
        }
    }
}

/// A matrix with the names of its rows and columns, where the file had them.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The numbers.
    pub matrix: AnyMatrix,
    /// One name a row.
    pub row_names: Option<Vec<String>>,
    /// One name a column.
    pub col_names: Option<Vec<String>>,
    /// How the file holds an entry: a numpy type (`uint8`), `text`, or a kind of image (`8-bit RGB`).
    pub stored_as: String,
}

impl Table {
    pub(crate) fn unnamed(matrix: AnyMatrix, stored_as: impl Into<String>) -> Self {
        Self {
            matrix,
            row_names: None,
            col_names: None,
            stored_as: stored_as.into(),
        }
    }
}
