//! V of a corpus or of a ready matrix, and what must be known of it.

use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use partwise_apps::text::{
    Analysis, Corpus, CorpusFormat, Counts, Fields, Filters, Ids, Labels, Language, TermRows,
    Texts, Weight, Weighting, WordRule, count, known, select,
};
use serde::{Deserialize, Serialize};

use super::ready::Ready;
use crate::arguments::{
    DocumentArguments, MATRIX, TermArguments, TopicsArguments, WeightingName, Words,
};
use crate::input;
use crate::number::Number;

/// What a model must remember to take new documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// How a text becomes terms; `None` for a model of a ready matrix.
    pub(super) analysis: Option<Analysis>,
    pub(super) weighting: Weighting,
    /// Documents that the model was learned from.
    pub(super) documents: usize,
    /// How many of them each term is in.
    pub(super) frequencies: Vec<u32>,
}

/// V and its rows' and columns' names.
pub(super) struct Prepared<T> {
    pub(super) name: String,
    pub(super) v: TermRows<T>,
    pub(super) terms: Texts,
    pub(super) ids: Ids,
    pub(super) labels: Option<Labels>,
    /// Where the texts are, if there are any.
    pub(super) corpus: Option<Corpus>,
    /// Words of all documents, if they were counted.
    pub(super) words: Option<u64>,
    pub(super) unknown: u64,
    pub(super) removed: usize,
    pub(super) recipe: Recipe,
    /// Seconds of reading and counting, and of choosing and weighting terms.
    pub(super) seconds: (f64, f64),
}

/// V to learn topics from.
pub(super) fn to_learn<T: Number + Weight>(
    arguments: &TopicsArguments,
) -> anyhow::Result<Prepared<T>> {
    let terms = &arguments.terms;
    let weighting = weighting(terms)?;
    let threads = arguments.solving.threads;
    let begun = Instant::now();
    if is_matrix(&arguments.input, &arguments.documents) {
        refuse_flags_of_documents(arguments)?;
        let ready = Ready::<T>::read(&arguments.input, arguments.documents.vocabulary.as_deref())?;
        return ready.prepared(filters(terms), weighting, threads, begun);
    }
    let analysis = analysis(terms)?;
    let corpus = open(&arguments.input, &arguments.documents)?;
    let mut counts = count(&corpus, &analysis, threads)?;
    let counted = begun.elapsed().as_secs_f64();
    let name = corpus.name().to_owned();
    let vocabulary = select(
        &mut counts.rows,
        counts.terms,
        &filters(terms),
        &name,
        threads,
    )?;
    let v = weighting.apply(
        counts.rows,
        &vocabulary.frequencies,
        vocabulary.documents,
        threads,
    )?;
    Ok(Prepared {
        name,
        v,
        ids: counts.ids,
        labels: counts.labels,
        corpus: Some(corpus),
        words: Some(counts.words),
        unknown: 0,
        removed: vocabulary.removed.total(),
        recipe: Recipe {
            analysis: Some(analysis),
            weighting,
            documents: vocabulary.documents,
            frequencies: vocabulary.frequencies,
        },
        terms: vocabulary.terms,
        seconds: (counted, begun.elapsed().as_secs_f64() - counted),
    })
}

/// V of new documents in the terms of a model.
pub(super) fn to_apply<T: Number + Weight>(
    arguments: &TopicsArguments,
    recipe: Recipe,
    terms: Texts,
) -> anyhow::Result<Prepared<T>> {
    let threads = arguments.solving.threads;
    let begun = Instant::now();
    let is_matrix = is_matrix(&arguments.input, &arguments.documents);
    let name = input::name(&arguments.input);
    let Some(analysis) = recipe.analysis.clone().filter(|_| !is_matrix) else {
        if !is_matrix {
            bail!(
                "{name}: the model was learned from a matrix of counts; give a matrix of new ones"
            );
        }
        refuse_flags_of_documents(arguments)?;
        let ready = Ready::<T>::read(&arguments.input, arguments.documents.vocabulary.as_deref())?;
        return ready.in_terms(recipe, terms, threads, begun);
    };
    let corpus = open(&arguments.input, &arguments.documents)?;
    let Counts {
        rows,
        ids,
        labels,
        words,
        unknown,
        ..
    } = known(&corpus, &analysis, &terms, threads)?;
    let counted = begun.elapsed().as_secs_f64();
    let v = (recipe.weighting).apply(rows, &recipe.frequencies, recipe.documents, threads)?;
    Ok(Prepared {
        name,
        v,
        terms,
        ids,
        labels,
        corpus: Some(corpus),
        words: Some(words),
        unknown,
        removed: 0,
        recipe,
        seconds: (counted, begun.elapsed().as_secs_f64() - counted),
    })
}

fn open(path: &Path, documents: &DocumentArguments) -> anyhow::Result<Corpus> {
    let format = documents.format.as_deref().and_then(CorpusFormat::by_name);
    let found = format.or_else(|| CorpusFormat::by_path(path));
    if let Some(found) = found.filter(|found| !found.has_fields()) {
        for (flag, value) in [
            ("--text-field", &documents.text_field),
            ("--id-field", &documents.id_field),
        ] {
            if value.is_some() {
                bail!(
                    "{}: {flag} is for jsonl, csv and tsv; this is read as {}",
                    input::name(path),
                    found.name()
                );
            }
        }
    }
    let usual = Fields::default();
    let fields = Fields {
        text: documents.text_field.clone().unwrap_or(usual.text),
        id: documents.id_field.clone(),
        label: documents.label_field.clone(),
    };
    Ok(Corpus::open(path, format, fields)?)
}

/// Whether the input is a matrix of counts: said so, or by its name.
fn is_matrix(path: &Path, documents: &DocumentArguments) -> bool {
    let by_name = || {
        let name = path.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        [".npz", ".npy", ".mtx"]
            .iter()
            .any(|extension| name.ends_with(extension))
    };
    match &documents.format {
        Some(format) => format == MATRIX,
        None => documents.vocabulary.is_some() || by_name(),
    }
}

fn refuse_flags_of_documents(arguments: &TopicsArguments) -> anyhow::Result<()> {
    let (documents, terms) = (&arguments.documents, &arguments.terms);
    let given = [
        ("--text-field", documents.text_field.is_some()),
        ("--id-field", documents.id_field.is_some()),
        ("--label-field", documents.label_field.is_some()),
        ("--words", terms.words.is_some()),
        ("--stop-words", !terms.stop_words.is_empty()),
        ("--stem", terms.stem.is_some()),
        ("--ngrams", terms.ngrams.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => bail!(
            "{}: {flag} is for documents; this is read as a matrix of counts",
            input::name(&arguments.input)
        ),
        None => Ok(()),
    }
}

fn filters(terms: &TermArguments) -> Filters {
    Filters {
        min_df: terms.min_df,
        max_df: terms.max_df,
        max_features: terms.max_features,
    }
}

fn weighting(terms: &TermArguments) -> anyhow::Result<Weighting> {
    let tfidf = terms.weighting == WeightingName::Tfidf;
    if terms.sublinear && !tfidf {
        bail!("--sublinear is for --weighting tfidf");
    }
    Ok(Weighting {
        tfidf,
        sublinear: terms.sublinear,
        binary: terms.binary,
    })
}

fn analysis(terms: &TermArguments) -> anyhow::Result<Analysis> {
    let mut stop_words = Vec::new();
    for source in &terms.stop_words {
        let path = Path::new(source);
        // No language is written with a dot.
        let is_path = path.exists() || path.extension().is_some();
        if Language::by_name(source).is_none() && is_path {
            let text = input::text(path)?;
            stop_words.extend(text.lines().map(str::trim).map(str::to_owned));
        } else {
            let words = Language::to_stop(source)?.stop_words().unwrap_or_default();
            stop_words.extend(words.iter().map(|word| (*word).to_owned()));
        }
    }
    stop_words.retain(|word| !word.is_empty());
    stop_words.sort_unstable();
    stop_words.dedup();
    let stem = terms.stem.as_deref().map(Language::to_stem).transpose()?;
    let usual = Analysis::default();
    let analysis = Analysis {
        words: match terms.words {
            None | Some(Words::Runs) => WordRule::Runs,
            Some(Words::Unicode) => WordRule::Unicode,
        },
        stop_words,
        stem: stem.map(|language| language.name.to_owned()),
        ngrams: terms
            .ngrams
            .map_or(usual.ngrams, |ngrams| (ngrams.0, ngrams.1)),
    };
    analysis.check()?;
    Ok(analysis)
}
