//! Numbers as a reader wants them.

/// Sign of a negative number: a minus, not a hyphen.
pub(crate) const MINUS: &str = "−";

/// Space that keeps a number and its unit on one line.
pub(crate) const UNIT_SPACE: char = '\u{a0}';

/// `value` with `digits` significant digits (1..=15): plain from 10⁻³ up to 10⁵ (more digits than
/// asked for before the point are kept), else as 1.2×10⁻⁷. Infinity is "∞", NaN "–".
pub fn decimal(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return signed(value, "∞".to_owned());
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    // Rounding first: 9.99 with two digits is 10, not 10.0.
    let scientific = format!("{size:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let text = if (-3..5).contains(&exponent) {
        let behind = (digits as i32 - 1 - exponent).max(0) as usize;
        format!("{size:.behind$}")
    } else {
        format!("{mantissa}×{}", power_of_ten(exponent))
    };
    signed(value, text)
}

/// A count with a comma before every three digits: 2,000,000.
pub(crate) fn whole(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

/// A share as a percentage: two digits below 10 %, else one behind the point; "< 0.01 %" for less.
///
/// The space before the sign does not break.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let size = value.abs();
    let text = if value.is_nan() || value.is_infinite() {
        return format!("{}{UNIT_SPACE}%", decimal(value, 2));
    } else if size == 0.0 {
        "0".to_owned()
    } else if size < 0.005 {
        return format!("<{UNIT_SPACE}0.01{UNIT_SPACE}%");
    } else if size < 0.995 {
        format!("{size:.2}")
    } else if size < 999.5 {
        format!("{size:.1}")
    } else {
        decimal(size, 3)
    };
    format!("{}{UNIT_SPACE}%", signed(value, text))
}

/// 10ⁿ.
pub(crate) fn power_of_ten(exponent: i32) -> String {
    let digits = exponent.to_string();
    let raised = digits.chars().map(|digit| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    });
    std::iter::once('1').chain(['0']).chain(raised).collect()
}

/// `text`, the size of `value`, with a minus if `value` is negative.
pub(crate) fn signed(value: f64, text: String) -> String {
    if value < 0.0 {
        format!("{MINUS}{text}")
    } else {
        text
    }
}

/// Seconds as a reader wants them: "340 ms", "2.31 s", "4 min 07 s", "3 h 05 min".
pub fn duration(seconds: f64) -> String {
    let space = UNIT_SPACE;
    if !seconds.is_finite() || seconds < 0.0 {
        return format!("{}{space}s", decimal(seconds, 3));
    }
    let whole = seconds.round() as u64;
    if seconds < 0.9995 {
        format!("{}{space}ms", decimal(seconds * 1e3, 3))
    } else if whole < 120 {
        format!("{}{space}s", decimal(seconds, 3))
    } else if whole < 7200 {
        format!("{}{space}min{space}{:02}{space}s", whole / 60, whole % 60)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!(
            "{}{space}h{space}{:02}{space}min",
            minutes / 60,
            minutes % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (23_724_588, "23,724,588"),
        ] {
            assert_eq!(whole(count), text);
        }
    }

    #[test]
    fn decimals_keep_their_significant_digits() {
        for (value, digits, expected) in [
            (24.34, 3, "24.3"),
            (0.7062, 2, "0.71"),
            (9.99, 2, "10"),
            (99_999.6, 3, "1.00×10⁵"),
            (12_345.0, 3, "12345"),
            (-0.25, 2, "−0.25"),
            (1.25e-7, 2, "1.2×10⁻⁷"),
            (f64::INFINITY, 3, "∞"),
            (f64::NEG_INFINITY, 3, "−∞"),
            (f64::NAN, 3, "–"),
            (0.0, 3, "0"),
            (-0.0, 3, "0"),
            (5e-324, 3, "4.94×10⁻³²⁴"),
        ] {
            assert_eq!(decimal(value, digits), expected, "{value} with {digits}");
        }
    }

    #[test]
    fn percentages_and_durations_read_well() {
        for (share, expected) in [
            (0.3421, "34.2 %"),
            (0.078_9, "7.9 %"),
            (0.0004, "0.04 %"),
            (1e-7, "< 0.01 %"),
            (0.0, "0 %"),
            (12.5, "1250 %"),
            (1.0, "100.0 %"),
        ] {
            assert_eq!(percent(share).replace(UNIT_SPACE, " "), expected);
        }
        for (seconds, expected) in [
            (0.0123, "12.3 ms"),
            (0.34, "340 ms"),
            (2.314, "2.31 s"),
            (247.2, "4 min 07 s"),
            (11_100.0, "3 h 05 min"),
            (0.0, "0 ms"),
        ] {
            assert_eq!(duration(seconds).replace(UNIT_SPACE, " "), expected);
        }
    }
}
