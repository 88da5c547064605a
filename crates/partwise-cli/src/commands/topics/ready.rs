//! A ready matrix of counts and its terms, as `partwise topics` takes it.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use partwise_apps::text::{Filters, Ids, TermRows, Texts, Vocabulary, Weight, Weighting, select};
use partwise_io::{Layout, Matrix};

use super::data::{Prepared, Recipe};
use crate::input;
use crate::number::Number;
use crate::table::counted;

/// A matrix of counts and the names of its rows and columns.
pub(super) struct Ready<T> {
    name: String,
    rows: TermRows<T>,
    terms: Texts,
    ids: Ids,
}

impl<T: Number + Weight> Ready<T> {
    pub(super) fn read(path: &Path, vocabulary: Option<&Path>) -> anyhow::Result<Self> {
        let name = input::name(path);
        let options = input::options(T::DTYPE, None);
        let table = partwise_io::read(path, &options)?;
        let matrix = T::from_any(table.matrix).with_context(|| name.clone())?;
        let rows = by_rows(matrix, &name)?;
        let terms: Texts = match (vocabulary, table.col_names) {
            (Some(file), _) => {
                let text = input::text(file)?;
                text.lines().map(str::trim_end).collect()
            }
            (None, Some(names)) => names.iter().collect(),
            (None, None) => bail!(
                "{name}: its columns have no names; give the terms with --vocabulary, one a line"
            ),
        };
        let source = vocabulary.map_or_else(|| name.clone(), input::name);
        if terms.len() != rows.cols {
            bail!(
                "{source}: {} for a matrix of {}",
                counted(terms.len() as u64, "term"),
                counted(rows.cols as u64, "column")
            );
        }
        let mut seen = std::collections::HashMap::new();
        for (line, term) in (1..).zip(terms.iter()) {
            if let Some(first) = seen.insert(term, line) {
                bail!("{source}: line {line}: the term '{term}' stands in line {first} already");
            }
        }
        let ids = match table.row_names {
            Some(names) => names.iter().collect(),
            None => (1..=rows.rows()).map(|row| row.to_string()).collect(),
        };
        Ok(Self {
            name,
            rows,
            terms,
            ids,
        })
    }

    pub(super) fn prepared(
        mut self,
        filters: Filters,
        weighting: Weighting,
        threads: Option<NonZeroUsize>,
        begun: Instant,
    ) -> anyhow::Result<Prepared<T>> {
        let read = begun.elapsed().as_secs_f64();
        let vocabulary = select(&mut self.rows, self.terms, &filters, &self.name, threads)?;
        let Vocabulary {
            terms,
            frequencies,
            documents,
            removed,
        } = vocabulary;
        Ok(Prepared {
            v: weighting.apply(self.rows, &frequencies, documents, threads)?,
            name: self.name,
            terms,
            ids: self.ids,
            labels: None,
            corpus: None,
            words: None,
            unknown: 0,
            removed: removed.total(),
            recipe: Recipe {
                analysis: None,
                weighting,
                documents,
                frequencies,
            },
            seconds: (read, begun.elapsed().as_secs_f64() - read),
        })
    }

    /// The columns that a model knows, in its order.
    pub(super) fn in_terms(
        mut self,
        recipe: Recipe,
        terms: Texts,
        threads: Option<NonZeroUsize>,
        begun: Instant,
    ) -> anyhow::Result<Prepared<T>> {
        let read = begun.elapsed().as_secs_f64();
        let unknown = self.rows.take_columns(&self.terms, &terms, threads)?;
        let v =
            (recipe.weighting).apply(self.rows, &recipe.frequencies, recipe.documents, threads)?;
        Ok(Prepared {
            name: self.name,
            v,
            terms,
            ids: self.ids,
            labels: None,
            corpus: None,
            words: None,
            unknown,
            removed: 0,
            recipe,
            seconds: (read, begun.elapsed().as_secs_f64() - read),
        })
    }
}

/// The entries above zero by rows.
fn by_rows<T: Number + Weight>(matrix: Matrix<T>, name: &str) -> anyhow::Result<TermRows<T>> {
    let (rows, cols) = matrix.shape();
    if cols > i32::MAX as usize {
        bail!("{name}: has {cols} columns; expected at most {}", i32::MAX);
    }
    let check = |row: usize, col: usize, value: T| -> anyhow::Result<bool> {
        let number: f64 = value.into();
        if !(number >= 0.0 && number.is_finite()) {
            bail!("{name}: holds {number} at row {row}, column {col}; expected a count, 0 or more");
        }
        Ok(number > 0.0)
    };
    let mut entries: Vec<(usize, i32, T)> = Vec::with_capacity(matrix.stored().len());
    match &matrix {
        Matrix::Sparse(sparse) => {
            for (row, col, value) in sparse.entries() {
                if check(row, col, value)? {
                    entries.push((row, col as i32, value));
                }
            }
            if sparse.layout == Layout::Csc {
                entries.sort_unstable_by_key(|entry| (entry.0, entry.1));
            }
        }
        Matrix::Dense(dense) => {
            for row in 0..rows {
                for col in 0..cols {
                    let value = dense.get(row, col);
                    if check(row, col, value)? {
                        entries.push((row, col as i32, value));
                    }
                }
            }
        }
    }
    drop(matrix);
    let mut found = TermRows::new(cols);
    found.offsets = vec![0; rows + 1];
    for (row, _, _) in &entries {
        found.offsets[row + 1] += 1;
    }
    for row in 0..rows {
        found.offsets[row + 1] += found.offsets[row];
    }
    found.indices = entries.iter().map(|entry| entry.1).collect();
    found.values = entries.iter().map(|entry| entry.2).collect();
    Ok(found)
}
