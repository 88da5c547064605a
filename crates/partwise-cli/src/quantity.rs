//! Quantities as people write them: a number and a unit, with or without a blank between them.

/// The number and the unit; `None` without a number.
pub(crate) fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}
