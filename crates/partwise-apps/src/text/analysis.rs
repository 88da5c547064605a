//! Words into terms: stop words left out, stems taken, neighbours joined.

use serde::{Deserialize, Serialize};

use super::{Language, WordRule};
use crate::AppError;

/// How a text becomes terms.
///
/// | name | default | purpose |
/// |---|---|---|
/// | `words` | `Runs` | what a word is |
/// | `stop_words` | none | words that are left out, before stems are taken |
/// | `stem` | `None` | the language, by name, whose stems words are cut down to |
/// | `ngrams` | (1, 1) | fewest and most neighbouring words of a term, joined by a blank |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// What a word is.
    pub words: WordRule,
    /// Words that are left out. They are cut into words as texts are, so that "don't" leaves out what it is in a text.
    pub stop_words: Vec<String>,
    /// The language whose stems words are cut down to; its stemmer's name in [`Language`].
    pub stem: Option<String>,
    /// Fewest and most neighbouring words of a term.
    pub ngrams: (usize, usize),
}

/// Most words of a term: longer ones never come twice.
const LONGEST: usize = 8;

impl Default for Analysis {
    fn default() -> Self {
        Self {
            words: WordRule::Runs,
            stop_words: Vec::new(),
            stem: None,
            ngrams: (1, 1),
        }
    }
}

impl Analysis {
    /// Checks the values.
    ///
    /// # Errors
    /// [`AppError::Parameter`] for lengths of terms out of order, [`AppError::UnknownLanguage`].
    pub fn check(&self) -> Result<(), AppError> {
        let (fewest, most) = self.ngrams;
        if fewest < 1 || fewest > most || most > LONGEST {
            return Err(AppError::Parameter {
                name: "ngrams",
                value: format!("{fewest}..{most}"),
                expected: format!("1 to {LONGEST} words a term, the fewest first"),
            });
        }
        self.language().map(|_| ())
    }

    pub(super) fn language(&self) -> Result<Option<&'static Language>, AppError> {
        self.stem.as_deref().map(Language::to_stem).transpose()
    }
}
