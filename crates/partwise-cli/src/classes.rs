//! The classes of samples: from a file of labels, and as a model tells them.

use std::fmt::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use partwise::{Dense, Factorization, Labels};

use crate::number::Number;
use crate::table::quoted;
use crate::{failure, input};

/// A file of labels: a line for each sample with the name of its class, or an empty one where that is not known.
#[derive(Debug, Clone)]
pub(crate) struct ClassFile {
    pub(crate) path: PathBuf,
    pub(crate) labels: Labels,
    /// The names of the classes: numbers by size, others by the alphabet.
    pub(crate) names: Arc<[String]>,
    /// The class of each sample.
    of_rows: Arc<[Option<usize>]>,
}

impl FromStr for ClassFile {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        let text = input::text(path.as_ref()).map_err(|error| failure::one_line(&error))?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let mut names: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|line| !line.is_empty())
            .collect();
        let number = |name: &str| name.parse::<f64>().ok().filter(|number| !number.is_nan());
        match names.iter().all(|name| number(name).is_some()) {
            true => names.sort_by(|a, b| {
                let sizes = number(a)
                    .partial_cmp(&number(b))
                    .expect("numbers that are compared");
                sizes.then(a.cmp(b))
            }),
            false => names.sort_unstable(),
        }
        names.dedup();
        let places = names.iter().enumerate().map(|(class, name)| (*name, class));
        let places: std::collections::HashMap<&str, usize> = places.collect();
        let of_rows: Vec<_> = lines.iter().map(|line| places.get(line).copied()).collect();
        Ok(Self {
            path: path.into(),
            labels: Labels::new(&of_rows).map_err(|error| error.to_string())?,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            of_rows: of_rows.into(),
        })
    }
}

impl ClassFile {
    /// How many of the samples whose class is known the factors put into it.
    pub(crate) fn right<T: Number>(&self, fit: &Factorization<T>) -> Option<usize> {
        let told = told(fit)?;
        let pairs = self.of_rows.iter().zip(&told);
        Some(
            pairs
                .filter(|(known, told)| **known == Some(**told))
                .count(),
        )
    }

    /// A row for each sample: its name or number, the class that is known, and the one that the factors tell.
    pub(crate) fn csv<T: Number>(
        &self,
        fit: &Factorization<T>,
        row_names: Option<&[String]>,
    ) -> Option<String> {
        let told = told(fit)?;
        let mut text = "sample,known,told\n".to_owned();
        for (i, (known, told)) in self.of_rows.iter().zip(told).enumerate() {
            let sample = sample(i, row_names);
            let known = known.map_or_else(String::new, |class| quoted(&self.names[class]));
            // Writing to a string does not fail.
            let _ = writeln!(text, "{sample},{known},{}", quoted(&self.names[told]));
        }
        Some(text)
    }
}

/// A row for each new sample: its name or number, and the class that W B tells.
pub(crate) fn told_csv<T: Number>(
    (w, parts): (&Dense<T>, &Dense<T>),
    names: &[String],
    row_names: Option<&[String]>,
) -> String {
    let mut text = "sample,told\n".to_owned();
    for (i, told) in Labels::told(w, parts).into_iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{},{}", sample(i, row_names), quoted(&names[told]));
    }
    text
}

/// The name of a sample, or its number, counted from 1.
fn sample(i: usize, row_names: Option<&[String]>) -> String {
    row_names.map_or_else(|| (i + 1).to_string(), |names| quoted(&names[i]))
}

/// The class that the factors tell of each sample of V, if they are samples that have classes.
fn told<T: Number>(fit: &Factorization<T>) -> Option<Vec<usize>> {
    let parts: &Dense<T> = fit.class_parts.as_ref()?;
    Some(Labels::told(&fit.w, parts))
}
