//! Flags whose values come from a table of a library: help, completions and validation follow the table.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use partwise::{Constraint, Init, RankMethod, Solver, SplitRule};

/// A value that has a name in a table.
pub(crate) trait Choice:
    FromStr<Err = partwise::Error> + Clone + Send + Sync + 'static
{
    /// Every value's name with the words that explain it.
    fn table() -> Vec<(&'static str, String)>;
}

impl Choice for Solver {
    fn table() -> Vec<(&'static str, String)> {
        let line = |solver: Self| (solver.name(), sourced(solver.title(), solver.source()));
        Self::all().map(line).collect()
    }
}

impl Choice for Init {
    fn table() -> Vec<(&'static str, String)> {
        let line = |init: Self| (init.name(), sourced(init.title(), init.source()));
        Self::all().map(line).collect()
    }
}

/// On a factor and with a number as its text says.
impl Choice for Constraint {
    fn table() -> Vec<(&'static str, String)> {
        let line = |constraint: Self| {
            let factors = constraint.factors().iter();
            let factors: Vec<_> = factors.map(|factor| format!("{factor:?}")).collect();
            let number = match (constraint.value_title(), constraint.value()) {
                (Some(title), Some(value)) => format!("; =NUMBER: {title}, {value}"),
                _ => String::new(),
            };
            let about = sourced(constraint.title(), constraint.source());
            let line = format!("{about}; on {}{number}", factors.join(" or "));
            (constraint.name(), line)
        };
        Self::all().map(line).collect()
    }
}

impl Choice for RankMethod {
    fn table() -> Vec<(&'static str, String)> {
        let line = |method: Self| (method.name(), sourced(method.title(), method.source()));
        Self::all().map(line).collect()
    }
}

impl Choice for SplitRule {
    fn table() -> Vec<(&'static str, String)> {
        let line = |rule: Self| (rule.name(), sourced(rule.title(), rule.source()));
        Self::all().map(line).collect()
    }
}

fn sourced(title: &str, source: &str) -> String {
    match source {
        "" => title.to_owned(),
        source => format!("{title} ({source})"),
    }
}

/// Parses a flag by its table; a wrong value gets the library's own message.
#[derive(Debug)]
pub(crate) struct FromTable<T>(std::marker::PhantomData<T>);

impl<T> FromTable<T> {
    pub(crate) fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T> Clone for FromTable<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T: Choice> TypedValueParser for FromTable<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        value.to_string_lossy().parse().map_err(|error: T::Err| {
            clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |(name, help): (&'static str, String)| PossibleValue::new(name).help(help);
        Some(Box::new(T::table().into_iter().map(value)))
    }
}
