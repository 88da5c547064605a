//! Looks at what the page is given, before anything is written.

use crate::ReportError;

/// Refuses `values` unless there are rows × columns of them; `letters` names the shape, as in "images × rank".
pub(super) fn length(
    what: &'static str,
    found: usize,
    letters: &'static str,
    shape: &[usize],
) -> Result<(), ReportError> {
    let needed = shape
        .iter()
        .try_fold(1, |product: usize, &n| product.checked_mul(n));
    if needed == Some(found) {
        return Ok(());
    }
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    Err(ReportError::Length {
        what,
        found,
        shape: if let [only] = shape {
            format!("{only} ({letters})")
        } else {
            format!("{letters} = {}", sizes.join(" × "))
        },
    })
}

/// Refuses a size of 0.
pub(super) fn at_least_one(what: &'static str, found: usize) -> Result<(), ReportError> {
    if found > 0 {
        return Ok(());
    }
    Err(ReportError::Value {
        place: what.to_owned(),
        value: found.to_string(),
        expected: "at least 1".to_owned(),
    })
}

/// Refuses the first value that is not finite.
pub(super) fn finite<T: Copy + Into<f64>>(what: &str, values: &[T]) -> Result<(), ReportError> {
    refuse(what, values, "finite", f64::is_finite)
}

/// Refuses the first value that is not finite or is below zero.
pub(super) fn non_negative<T: Copy + Into<f64>>(
    what: &str,
    values: &[T],
) -> Result<(), ReportError> {
    refuse(what, values, "finite and not negative", |value| {
        value.is_finite() && value >= 0.0
    })
}

/// Refuses an index that is not below `limit`.
pub(super) fn index(place: &str, value: usize, limit: usize) -> Result<(), ReportError> {
    if value < limit {
        return Ok(());
    }
    Err(ReportError::Value {
        place: place.to_owned(),
        value: value.to_string(),
        expected: format!("below {limit}"),
    })
}

fn refuse<T: Copy + Into<f64>>(
    what: &str,
    values: &[T],
    expected: &str,
    good: impl Fn(f64) -> bool,
) -> Result<(), ReportError> {
    match values.iter().position(|&value| !good(value.into())) {
        None => Ok(()),
        Some(place) => Err(ReportError::Value {
            place: if values.len() == 1 {
                what.to_owned()
            } else {
                format!("{what}[{place}]")
            },
            value: values[place].into().to_string(),
            expected: expected.to_owned(),
        }),
    }
}
