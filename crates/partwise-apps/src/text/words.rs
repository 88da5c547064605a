//! Text into words, in lower case.
//!
//! [`WordRule::Runs`] is scikit-learn's default, `(?u)\b\w\w+\b` on the text in lower case: runs of two or more letters
//! (Unicode category L), numbers (N) and underscores. Combining marks end a run. [`WordRule::Unicode`] takes the words
//! of Unicode Standard Annex #29, which keeps "don't" and words with combining marks in one piece.

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WordRule {
    /// Runs of two or more letters, numbers and underscores.
    #[default]
    Runs,
    /// The words of Unicode Standard Annex #29; of those in ASCII only such of two or more characters.
    Unicode,
}

/// What an ASCII byte is to a word: 0 no part of it, 1 a part, 2 a capital.
const ASCII: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let sign = byte as u8;
        table[byte] = if sign.is_ascii_uppercase() {
            2
        } else if sign.is_ascii_alphanumeric() || sign == b'_' {
            1
        } else {
            0
        };
        byte += 1;
    }
    table
};

impl WordRule {
    /// Calls `visit` with every word of a text, in order.
    pub(super) fn each(self, text: &str, visit: impl FnMut(&str)) {
        match self {
            Self::Runs if text.is_ascii() => ascii_runs(text, visit),
            Self::Runs => runs(&text.to_lowercase(), visit),
            Self::Unicode => {
                let lower = text.to_lowercase();
                lower
                    .unicode_words()
                    .filter(|word| word.len() > 1)
                    .for_each(visit);
            }
        }
    }
}

fn ascii_runs(text: &str, mut visit: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut lower = String::new();
    let mut position = 0;
    while position < bytes.len() {
        if ASCII[usize::from(bytes[position])] == 0 {
            position += 1;
            continue;
        }
        let start = position;
        let mut seen = 0;
        while position < bytes.len() {
            let kind = ASCII[usize::from(bytes[position])];
            if kind == 0 {
                break;
            }
            seen |= kind;
            position += 1;
        }
        if position - start < 2 {
            continue;
        }
        let word = &text[start..position];
        if seen & 2 == 0 {
            visit(word);
        } else {
            lower.clear();
            lower.push_str(word);
            lower.make_ascii_lowercase();
            visit(&lower);
        }
    }
}

fn runs(text: &str, mut visit: impl FnMut(&str)) {
    let mut start = 0;
    let mut length = 0;
    for (place, letter) in text.char_indices() {
        if is_of_word(letter) {
            if length == 0 {
                start = place;
            }
            length += 1;
        } else {
            if length > 1 {
                visit(&text[start..place]);
            }
            length = 0;
        }
    }
    if length > 1 {
        visit(&text[start..]);
    }
}

fn is_of_word(letter: char) -> bool {
    if letter.is_ascii() {
        return ASCII[letter as usize] > 0;
    }
    matches!(
        letter.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(rule: WordRule, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        rule.each(text, |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn runs_are_those_of_the_usual_pattern() {
        let found = words(WordRule::Runs, "I don't know X11, foo_bar-BAZ 42 a\n7z");
        assert_eq!(found, ["don", "know", "x11", "foo_bar", "baz", "42", "7z"]);
        let found = words(
            WordRule::Runs,
            "Größe ÉTÉ, Война и мир; ΟΔΟΣ İx ٤٢ हिन्दी 東京 é",
        );
        assert_eq!(
            found,
            // The dot that a lower-case İ leaves, and the vowel signs of Devanagari, are no letters.
            ["größe", "été", "война", "мир", "οδος", "٤٢", "東京"]
        );
    }

    #[test]
    fn words_of_the_annex_stay_whole() {
        let found = words(WordRule::Unicode, "I don't know हिन्दी, 3.14");
        assert_eq!(found, ["don't", "know", "हिन्दी", "3.14"]);
    }

    #[test]
    fn the_short_way_for_ascii_is_the_long_one() {
        let text = "ABC a b1 __x  -- Z9z_q. end";
        let mut long = Vec::new();
        runs(&text.to_lowercase(), |word| long.push(word.to_owned()));
        assert_eq!(words(WordRule::Runs, text), long);
    }
}
