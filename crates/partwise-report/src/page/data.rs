//! Numbers and words on their way into the page.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// `value` as JSON that may stand inside a `<script>` element: nothing in it can end the element or open a comment.
pub(super) fn script_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// Values as the bytes of 32-bit floats: exact.
pub(super) fn floats(values: &[f32]) -> Value {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    json!({ "type": "f32", "data": STANDARD.encode(bytes) })
}

/// Non-negative values in 16 bits, each row of `columns` values on a scale of its own up to its maximum.
pub(super) fn words(values: &[f32], columns: usize) -> Value {
    let most = f32::from(u16::MAX);
    let (scales, bytes) = scaled(values, columns, |share| {
        ((share * most).round() as u16).to_le_bytes()
    });
    json!({ "type": "u16", "columns": columns, "scales": scales, "data": STANDARD.encode(bytes) })
}

/// Non-negative values in 8 bits, each row of `columns` values on a scale of its own up to its maximum.
pub(super) fn bytes(values: &[f32], columns: usize) -> Value {
    let most = f32::from(u8::MAX);
    let (scales, bytes) = scaled(values, columns, |share| [(share * most).round() as u8]);
    json!({ "type": "u8", "columns": columns, "scales": scales, "data": STANDARD.encode(bytes) })
}

/// Non-negative values: exact if that takes at most `limit` bytes, else in 16 bits.
pub(super) fn numbers(values: &[f32], columns: usize, limit: usize) -> Value {
    if size_of_val(values) <= limit {
        floats(values)
    } else {
        words(values, columns)
    }
}

/// Samples of −1..1 in 16 bits with a sign, on the scale of the largest.
pub(super) fn sound(samples: &[f32]) -> Value {
    let largest = samples
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let gain = gain(largest) * f32::from(i16::MAX);
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|value| ((value * gain).round() as i16).to_le_bytes())
        .collect();
    json!({ "type": "i16", "scales": [largest], "data": STANDARD.encode(bytes) })
}

/// Samples of 0..1 of a picture: in 8 bits if they came from there, else in 16. Others are clipped.
pub(super) fn picture(samples: &[f32]) -> Value {
    let most = f32::from(u8::MAX);
    let clipped = || {
        samples
            .iter()
            .map(|value| value.clamp(0.0, 1.0))
            .map(|value| if value.is_nan() { 0.0 } else { value })
    };
    /// How far from a whole number the 255-fold of a sample may be that came from 8 bits and went through floats.
    const ROUNDING: f32 = 1e-3;
    let in_bytes = clipped().all(|value| (value * most - (value * most).round()).abs() < ROUNDING);
    let (kind, bytes): (_, Vec<u8>) = if in_bytes {
        let byte = |value: f32| (value * most).round() as u8;
        ("u8", clipped().map(byte).collect())
    } else {
        let word = |value: f32| ((value * f32::from(u16::MAX)).round() as u16).to_le_bytes();
        ("u16", clipped().flat_map(word).collect())
    };
    json!({ "type": kind, "scales": [1], "data": STANDARD.encode(bytes) })
}

/// The maximum of each row, and all values as shares of it in bytes.
fn scaled<const N: usize>(
    values: &[f32],
    columns: usize,
    store: impl Fn(f32) -> [u8; N],
) -> (Vec<f32>, Vec<u8>) {
    let mut scales = Vec::new();
    let mut bytes = Vec::with_capacity(values.len() * N);
    for row in values.chunks(columns.max(1)) {
        let largest = row.iter().fold(0.0_f32, |most, &value| most.max(value));
        scales.push(largest);
        let gain = gain(largest);
        bytes.extend(row.iter().flat_map(|value| store((value * gain).min(1.0))));
    }
    (scales, bytes)
}

/// What brings `largest` to 1; 0 if that is beyond the numbers.
fn gain(largest: f32) -> f32 {
    let gain = largest.recip();
    if gain.is_finite() { gain } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(value: &Value) -> Vec<u8> {
        STANDARD.decode(value["data"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn nothing_ends_the_script_element() {
        let hostile = json!({ "</script><!--": "<script>]]>" });
        let text = script_json(&hostile);
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    }

    #[test]
    fn rows_have_scales_of_their_own() {
        let value = words(&[1.0, 0.5, 0.0, 0.0, 40.0, 10.0], 2);
        assert_eq!(value["scales"], json!([1.0, 0.0, 40.0]));
        let bytes = decoded(&value);
        let word = |place: usize| u16::from_le_bytes([bytes[2 * place], bytes[2 * place + 1]]);
        let stored: Vec<u16> = (0..6).map(word).collect();
        assert_eq!(stored, [65535, 32768, 0, 0, 65535, 16384]);
        // The largest share of a denormal maximum is beyond the numbers.
        assert_eq!(decoded(&super::bytes(&[1e-45, 0.0], 2)), [0, 0]);
    }

    #[test]
    fn small_matrices_are_exact() {
        let values = [0.1, 3.0e-7];
        assert_eq!(numbers(&values, 2, 8)["type"], "f32");
        assert_eq!(decoded(&floats(&values))[..4], 0.1_f32.to_le_bytes());
        assert_eq!(numbers(&values, 2, 7)["type"], "u16");
    }

    #[test]
    fn pictures_of_bytes_are_kept_as_bytes() {
        let samples: Vec<f32> = (0..=255).map(|byte| byte as f32 / 255.0).collect();
        let value = picture(&samples);
        assert_eq!(value["type"], "u8");
        assert!(decoded(&value).into_iter().eq(0..=255));
        assert_eq!(picture(&[0.1234])["type"], "u16");
        assert_eq!(decoded(&picture(&[f32::NAN, 7.0, -1.0])), [0, 255, 0]);
    }

    #[test]
    fn sound_keeps_its_sign() {
        let value = sound(&[0.5, -0.5, 0.0]);
        let bytes = decoded(&value);
        let stored: Vec<i16> = bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(stored, [i16::MAX, -i16::MAX, 0]);
        assert_eq!(value["scales"], json!([0.5]));
    }
}
