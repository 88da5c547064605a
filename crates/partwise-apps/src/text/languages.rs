//! The languages whose stop words or word stems are known, in one table.

use rust_stemmers::{Algorithm, Stemmer};

use crate::AppError;

/// A language.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    /// English name in lower case.
    pub name: &'static str,
    /// Code of ISO 639-1.
    pub code: &'static str,
    stemmer: Option<Algorithm>,
}

const fn stemmed(name: &'static str, code: &'static str, stemmer: Algorithm) -> Language {
    Language {
        name,
        code,
        stemmer: Some(stemmer),
    }
}

const fn plain(name: &'static str, code: &'static str) -> Language {
    Language {
        name,
        code,
        stemmer: None,
    }
}

/// Every language: stop words of stopwords-iso, stems of Snowball (M. Porter, 2001).
static LANGUAGES: &[Language] = &[
    plain("afrikaans", "af"),
    stemmed("arabic", "ar", Algorithm::Arabic),
    plain("armenian", "hy"),
    plain("basque", "eu"),
    plain("bengali", "bn"),
    plain("breton", "br"),
    plain("bulgarian", "bg"),
    plain("catalan", "ca"),
    plain("chinese", "zh"),
    plain("croatian", "hr"),
    plain("czech", "cs"),
    stemmed("danish", "da", Algorithm::Danish),
    stemmed("dutch", "nl", Algorithm::Dutch),
    stemmed("english", "en", Algorithm::English),
    plain("esperanto", "eo"),
    plain("estonian", "et"),
    stemmed("finnish", "fi", Algorithm::Finnish),
    stemmed("french", "fr", Algorithm::French),
    plain("galician", "gl"),
    stemmed("german", "de", Algorithm::German),
    stemmed("greek", "el", Algorithm::Greek),
    plain("gujarati", "gu"),
    plain("hausa", "ha"),
    plain("hebrew", "he"),
    plain("hindi", "hi"),
    stemmed("hungarian", "hu", Algorithm::Hungarian),
    plain("indonesian", "id"),
    plain("irish", "ga"),
    stemmed("italian", "it", Algorithm::Italian),
    plain("japanese", "ja"),
    plain("korean", "ko"),
    plain("kurdish", "ku"),
    plain("latin", "la"),
    plain("latvian", "lv"),
    plain("lithuanian", "lt"),
    plain("malay", "ms"),
    plain("marathi", "mr"),
    stemmed("norwegian", "no", Algorithm::Norwegian),
    plain("persian", "fa"),
    plain("polish", "pl"),
    stemmed("portuguese", "pt", Algorithm::Portuguese),
    stemmed("romanian", "ro", Algorithm::Romanian),
    stemmed("russian", "ru", Algorithm::Russian),
    plain("slovak", "sk"),
    plain("slovenian", "sl"),
    plain("somali", "so"),
    plain("sotho", "st"),
    stemmed("spanish", "es", Algorithm::Spanish),
    plain("swahili", "sw"),
    stemmed("swedish", "sv", Algorithm::Swedish),
    plain("tagalog", "tl"),
    stemmed("tamil", "ta", Algorithm::Tamil),
    plain("thai", "th"),
    stemmed("turkish", "tr", Algorithm::Turkish),
    plain("ukrainian", "uk"),
    plain("urdu", "ur"),
    plain("vietnamese", "vi"),
    plain("yoruba", "yo"),
    plain("zulu", "zu"),
];

impl Language {
    /// Every language.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        LANGUAGES.iter()
    }

    /// The language with this name or code, in any case.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let name = name.trim().to_lowercase();
        Self::all().find(|language| language.name == name || language.code == name)
    }

    /// Its stop words; `None` if there is no list.
    pub fn stop_words(&self) -> Option<&'static [&'static str]> {
        stop_words::lookup(self.code)
    }

    /// Whether the stems of its words are known.
    pub fn has_stems(&self) -> bool {
        self.stemmer.is_some()
    }

    /// The language whose stems are meant by `name`.
    ///
    /// # Errors
    /// [`AppError::UnknownLanguage`] with the languages that are known.
    pub fn to_stem(name: &str) -> Result<&'static Self, AppError> {
        Self::known(name, "word stems", Self::has_stems)
    }

    /// The language whose stop words are meant by `name`.
    ///
    /// # Errors
    /// [`AppError::UnknownLanguage`] with the languages that are known.
    pub fn to_stop(name: &str) -> Result<&'static Self, AppError> {
        Self::known(name, "stop words", |language| {
            language.stop_words().is_some()
        })
    }

    fn known(
        name: &str,
        what: &'static str,
        has: impl Fn(&Self) -> bool,
    ) -> Result<&'static Self, AppError> {
        Self::by_name(name)
            .filter(|language| has(language))
            .ok_or_else(|| AppError::UnknownLanguage {
                name: name.to_owned(),
                what,
                known: Self::all()
                    .filter(|language| has(language))
                    .map(|language| language.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    pub(super) fn stemmer(&self) -> Option<Stemmer> {
        self.stemmer.map(Stemmer::create)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_one_name_and_something_to_offer() {
        for language in Language::all() {
            let again = Language::by_name(&language.code.to_uppercase()).unwrap();
            assert_eq!(again.name, language.name);
            assert!(
                language.has_stems() || language.stop_words().is_some(),
                "{}",
                language.name
            );
        }
        assert!(
            Language::to_stop("en")
                .unwrap()
                .stop_words()
                .unwrap()
                .contains(&"the")
        );
    }

    #[test]
    fn other_languages_are_refused_with_those_that_are_known() {
        let error = Language::to_stem("klingon").unwrap_err().to_string();
        assert!(
            error.contains("'klingon'") && error.contains("danish, dutch"),
            "{error}"
        );
        assert!(Language::to_stem("zulu").is_err());
    }
}
