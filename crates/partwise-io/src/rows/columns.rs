//! The columns of a table as a matrix: numbers side by side, and at most one column of names.
//!
//! Every column is a feature, with its name. Rows are named by the index that pandas wrote beside the columns, or else by the
//! first column if it holds text.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};

use crate::error::Error;
use crate::memory::Budget;

/// Which columns of a table are what.
#[derive(Debug)]
pub(crate) struct Columns {
    file: String,
    /// Columns of numbers: number in the table, name.
    numbers: Vec<(usize, String)>,
    /// The column with the names of rows.
    names: Option<usize>,
    /// The type of all columns of numbers, or `mixed`.
    pub(crate) stored_as: String,
}

impl Columns {
    /// Looks at the types of the columns.
    ///
    /// # Errors
    /// A column that is neither, by its name.
    pub(crate) fn new(file: &str, schema: &Schema) -> Result<Self, Error> {
        let unsupported = |problem| Error::Unsupported {
            file: file.to_owned(),
            problem,
        };
        let index = pandas_index(schema).map_err(unsupported)?;
        let (mut numbers, mut names, mut types) = (Vec::new(), None, Vec::new());
        for (at, field) in schema.fields().iter().enumerate() {
            let (name, kind) = (field.name(), field.data_type());
            let leads = at == 0 && index.is_none() && is_text(kind);
            if index.as_ref() == Some(name) || leads {
                if !is_text(kind) && numpy_name(kind).is_none() {
                    return Err(unsupported(format!(
                        "its index '{name}' is of type {kind}; names of rows are text or whole numbers"
                    )));
                }
                names = Some(at);
                continue;
            }
            let Some(kind) = numpy_name(kind) else {
                let but = match &index {
                    Some(index) => format!("but the index '{index}', which has the names of rows"),
                    None => "but the first, which may have text, the names of rows".to_owned(),
                };
                return Err(unsupported(format!(
                    "column '{name}' is of type {kind}; expected integers, floating point or booleans in every column {but}"
                )));
            };
            numbers.push((at, name.clone()));
            types.push(kind);
        }
        types.dedup();
        let stored_as = match types[..] {
            [only] => only,
            _ => "mixed",
        };
        Ok(Self {
            file: file.to_owned(),
            numbers,
            names,
            stored_as: stored_as.to_owned(),
        })
    }

    /// The names of the columns of numbers.
    pub(crate) fn col_names(&self) -> Vec<String> {
        self.numbers.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The numbers of the columns of numbers, in order.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.numbers.iter().map(|(at, _)| *at).collect()
    }

    /// The number of the column of names.
    pub(crate) fn names(&self) -> Option<usize> {
        self.names
    }

    /// Puts rows of a batch, which has the columns of numbers alone, behind what is in `out`. The batch begins with row `first`.
    ///
    /// # Errors
    /// An entry without a value.
    pub(crate) fn rows(
        &self,
        batch: &RecordBatch,
        first: u64,
        out: &mut Vec<f64>,
    ) -> Result<(), Error> {
        let (width, before) = (self.numbers.len(), out.len());
        out.resize(before + batch.num_rows() * width, 0.0);
        let out = &mut out[before..];
        for ((at, column), (_, name)) in batch.columns().iter().enumerate().zip(&self.numbers) {
            if let Some(row) = first_null(column) {
                return Err(Error::Unsupported {
                    file: self.file.clone(),
                    problem: format!(
                        "column '{name}' has no value (null) in row {} (counted from 0); every entry must be a number",
                        first + row as u64
                    ),
                });
            }
            numbers(column, &mut |row, value| out[row * width + at] = value);
        }
        Ok(())
    }
}

/// The name of the column that pandas keeps its index in.
fn pandas_index(schema: &Schema) -> Result<Option<String>, String> {
    let Some(text) = schema.metadata().get("pandas") else {
        return Ok(None);
    };
    let described: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let columns = described["index_columns"].as_array();
    // An index of numbers that count up is no column.
    let mut columns = columns
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str());
    match (columns.next(), columns.count()) {
        (_, more) if more > 0 => Err(format!(
            "has an index of {} columns; expected one at most",
            more + 1
        )),
        (name, _) => Ok(name
            .filter(|name| schema.index_of(name).is_ok())
            .map(str::to_owned)),
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// What numpy calls the type of a column of numbers.
fn numpy_name(kind: &DataType) -> Option<&'static str> {
    Some(match kind {
        DataType::Boolean => "bool",
        DataType::Int8 => "int8",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 => "uint8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float16 => "float16",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        _ => return None,
    })
}

fn first_null(column: &ArrayRef) -> Option<usize> {
    (column.null_count() > 0)
        .then(|| (0..column.len()).find(|&row| column.is_null(row)))
        .flatten()
}

/// Hands over every entry of a column with its row.
fn numbers(column: &ArrayRef, sink: &mut dyn FnMut(usize, f64)) {
    macro_rules! each {
        ($($kind:ident: $type:ident as $convert:expr),*) => {
            match column.data_type() {
                DataType::Boolean => {
                    let column = column.as_boolean();
                    (0..column.len()).for_each(|row| sink(row, f64::from(u8::from(column.value(row)))));
                }
                $(DataType::$kind => {
                    let values = column.as_primitive::<$type>().values();
                    values.iter().enumerate().for_each(|(row, &value)| sink(row, $convert(value)));
                })*
                other => unreachable!("{other} is no type of numbers"),
            }
        };
    }
    each!(
        Int8: Int8Type as f64::from, Int16: Int16Type as f64::from, Int32: Int32Type as f64::from,
        UInt8: UInt8Type as f64::from, UInt16: UInt16Type as f64::from, UInt32: UInt32Type as f64::from,
        Int64: Int64Type as (|value| value as f64), UInt64: UInt64Type as (|value| value as f64),
        Float16: Float16Type as f64::from, Float32: Float32Type as f64::from, Float64: Float64Type as f64::from
    );
}

/// The names in a column, as they come.
pub(crate) struct Names<'a> {
    pub(crate) texts: Vec<String>,
    /// Bytes that they take.
    bytes: u64,
    budget: &'a Budget,
}

impl<'a> Names<'a> {
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self {
            texts: Vec::new(),
            bytes: 0,
            budget,
        }
    }

    /// Adds the texts of a column, or its whole numbers as texts. A missing one is empty.
    ///
    /// # Errors
    /// More than may be taken: a few bytes of a file may stand for many texts.
    pub(crate) fn add(&mut self, column: &ArrayRef) -> Result<(), Error> {
        let Some(dictionary) = column.as_any_dictionary_opt() else {
            return each_text(column, |text| self.push(text));
        };
        let mut values = Names::new(self.budget);
        each_text(dictionary.values(), |text| values.push(text))?;
        for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
            let value = (!column.is_null(row)).then(|| values.texts.get(key));
            self.push(value.flatten().cloned().unwrap_or_default())?;
        }
        Ok(())
    }

    fn push(&mut self, text: String) -> Result<(), Error> {
        self.bytes += (size_of::<String>() + text.len()) as u64;
        self.budget.check_so_far(self.bytes)?;
        self.texts.push(text);
        Ok(())
    }
}

/// Hands over each text of a column.
fn each_text(
    column: &ArrayRef,
    mut visit: impl FnMut(String) -> Result<(), Error>,
) -> Result<(), Error> {
    macro_rules! each {
        ($column:expr) => {{
            let column = $column;
            for row in 0..column.len() {
                match column.is_null(row) {
                    true => visit(String::new())?,
                    false => visit(column.value(row).to_string())?,
                }
            }
            Ok(())
        }};
    }
    match column.data_type() {
        DataType::Utf8 => each!(column.as_string::<i32>()),
        DataType::LargeUtf8 => each!(column.as_string::<i64>()),
        DataType::Utf8View => each!(column.as_string_view()),
        DataType::Int8 => each!(column.as_primitive::<Int8Type>()),
        DataType::Int16 => each!(column.as_primitive::<Int16Type>()),
        DataType::Int32 => each!(column.as_primitive::<Int32Type>()),
        DataType::Int64 => each!(column.as_primitive::<Int64Type>()),
        DataType::UInt8 => each!(column.as_primitive::<UInt8Type>()),
        DataType::UInt16 => each!(column.as_primitive::<UInt16Type>()),
        DataType::UInt32 => each!(column.as_primitive::<UInt32Type>()),
        DataType::UInt64 => each!(column.as_primitive::<UInt64Type>()),
        DataType::Float16 => each!(column.as_primitive::<Float16Type>()),
        DataType::Float32 => each!(column.as_primitive::<Float32Type>()),
        DataType::Float64 => each!(column.as_primitive::<Float64Type>()),
        _ => each!(column.as_boolean()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_schema::Field;

    use super::*;

    #[test]
    fn a_text_that_many_rows_have_takes_room_in_each() {
        let keys = arrow_array::Int8Array::from(vec![0; 2000]);
        let values = arrow_array::StringArray::from(vec!["x".repeat(1000)]);
        let column = arrow_array::DictionaryArray::new(keys, Arc::new(values));
        let column: ArrayRef = Arc::new(column);
        let budget = |limit| Budget {
            file: "v.arrow".to_owned(),
            limit: Some(limit),
        };
        let few = budget(1 << 20);
        assert!(Names::new(&few).add(&column).is_err());
        let enough = budget(3 << 20);
        let mut names = Names::new(&enough);
        names.add(&column).unwrap();
        assert_eq!(names.texts.len(), 2000);
    }

    fn refusal(columns: &[(&str, DataType)], index: Option<&str>) -> String {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), false);
        let fields: Vec<_> = columns.iter().map(field).collect();
        let described = index.map(|name| {
            let text = format!(r#"{{"index_columns": ["{name}"]}}"#);
            ("pandas".to_owned(), text)
        });
        let described: HashMap<String, String> = described.into_iter().collect();
        let schema = Schema::new_with_metadata(fields, described);
        Columns::new("v.parquet", &schema).unwrap_err().to_string()
    }

    #[test]
    fn a_column_of_no_numbers_is_named_with_what_would_be_right() {
        let right = "expected integers, floating point or booleans in every column but";
        let first = "the first, which may have text, the names of rows";
        assert_eq!(
            refusal(
                &[
                    ("name", DataType::Utf8),
                    ("size", DataType::Float64),
                    ("kind", DataType::LargeUtf8)
                ],
                None
            ),
            format!("v.parquet: column 'kind' is of type LargeUtf8; {right} {first}")
        );
        let price = refusal(&[("price", DataType::Decimal128(9, 2))], None);
        assert_eq!(
            price,
            format!("v.parquet: column 'price' is of type Decimal128(9, 2); {right} {first}")
        );
        // Where an index names the rows, no other text does.
        let text = refusal(
            &[
                ("kind", DataType::Utf8),
                ("size", DataType::Float64),
                ("id", DataType::Utf8),
            ],
            Some("id"),
        );
        assert_eq!(
            text,
            format!(
                "v.parquet: column 'kind' is of type Utf8; {right} the index 'id', which has the names of rows"
            )
        );
    }
}
