//! The bundled font, and how wide a text set in it is.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use skrifa::{
    FontRef, MetadataProvider,
    instance::{LocationRef, Size},
};

/// Family name of the bundled font: DejaVu Sans, cut down to Latin, Greek and Cyrillic letters,
/// punctuation, arrows and mathematical signs. The licence lies beside the files.
pub(crate) const FAMILY: &str = "DejaVu Sans";

const REGULAR: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../assets/DejaVuSans-Bold.ttf");

/// The two weights that figures are set in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// The bundled fonts alone; what is installed on the machine is never looked at.
pub(crate) fn fonts() -> Arc<fontdb::Database> {
    static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        fonts.load_font_data(BOLD.to_vec());
        fonts.set_sans_serif_family(FAMILY);
        Arc::new(fonts)
    });
    Arc::clone(&FONTS)
}

/// Width of `text` at `size` (both in units), kerning left out: good to about a percent.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let data = match weight {
        Weight::Regular => REGULAR,
        Weight::Bold => BOLD,
    };
    // The bundled files are known to parse; a tenth over the usual width would still be a layout.
    let Ok(font) = FontRef::new(data) else {
        return text.chars().count() as f64 * size * 0.66;
    };
    let glyphs = font.charmap();
    let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
    text.chars()
        .map(|letter| {
            let glyph = glyphs.map(letter).unwrap_or_default();
            f64::from(metrics.advance_width(glyph).unwrap_or_default())
        })
        .sum()
}

/// `text`, or as much of its start as fits into `limit` units with "…" behind it.
pub(crate) fn fitted(text: &str, size: f64, weight: Weight, limit: f64) -> String {
    if width(text, size, weight) <= limit {
        return text.to_owned();
    }
    let mut end = text.len();
    while end > 0 {
        end = text.floor_char_boundary(end - 1);
        let short = format!("{}…", text[..end].trim_end());
        if width(&short, size, weight) <= limit {
            return short;
        }
    }
    "…".to_owned()
}

/// `text` broken at spaces into as few lines of at most `limit` units as it takes, these about
/// equally long; a word that is longer still is cut short.
pub(crate) fn wrapped(text: &str, size: f64, weight: Weight, limit: f64) -> Vec<String> {
    let mut lines = broken(text, size, weight, limit);
    let mut narrower = limit;
    // A word that fits the limit must not be cut for the sake of balance.
    let longest_word = words(text).map(|word| width(word, size, weight));
    let least = longest_word.fold(0.0, f64::max).min(limit);
    while narrower - size >= least {
        narrower -= size;
        let balanced = broken(text, size, weight, narrower);
        if balanced.len() > lines.len() {
            break;
        }
        lines = balanced;
    }
    lines
}

/// Only the plain space is a place to break: figures and their units are tied by others.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

fn broken(text: &str, size: f64, weight: Weight, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        let word = fitted(word, size, weight, limit);
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, weight) <= limit => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // DejaVu Sans: "0" is 1303 of 2048 units wide.
        let zero = width("0", 2048.0, Weight::Regular);
        assert!((zero - 1303.0).abs() < 0.5, "{zero}");
        assert!(width("abc", 12.0, Weight::Bold) > width("abc", 12.0, Weight::Regular));
        assert_eq!(width("", 12.0, Weight::Bold), 0.0);
    }

    #[test]
    fn every_sign_that_figures_use_is_in_both_fonts() {
        for data in [REGULAR, BOLD] {
            let font = FontRef::new(data).unwrap();
            for sign in "AZaz09äßçłžΩβλЖя ×·−…%±≤≥∞²³⁰¹⁴⁵⁶⁷⁸⁹⁻‖½–—\u{202f}\u{a0}".chars()
            {
                assert!(font.charmap().map(sign).is_some(), "{sign:?} is missing");
            }
        }
    }

    #[test]
    fn long_texts_are_cut_or_broken() {
        let text = "größer als gedacht";
        assert_eq!(fitted(text, 12.0, Weight::Regular, 1000.0), text);
        let short = fitted(text, 12.0, Weight::Regular, 60.0);
        assert!(short.ends_with('…') && width(&short, 12.0, Weight::Regular) <= 60.0);
        assert_eq!(fitted(text, 12.0, Weight::Regular, 0.0), "…");
        let lines = wrapped(text, 12.0, Weight::Regular, 70.0);
        assert_eq!(lines, ["größer als", "gedacht"]);
        let balanced = wrapped("one two three four", 12.0, Weight::Regular, 100.0);
        assert_eq!(balanced, ["one two", "three four"]);
        assert!(wrapped("", 12.0, Weight::Regular, 70.0).is_empty());
        assert_eq!(
            wrapped("24.3\u{a0}dB", 12.0, Weight::Regular, 70.0).len(),
            1
        );
    }
}
