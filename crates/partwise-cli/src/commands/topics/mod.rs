//! `partwise topics`: documents into topics, and new documents into the topics of a model.

mod apply;
mod data;
mod outputs;
mod ready;

use std::borrow::Cow;

use anyhow::Context;
use partwise::{Factorization, Matrix};
use partwise_apps::text::{
    COHERENCE_TERMS, DIVERSITY_TERMS, SizesOver, TermRows, TopicRow, Topics, Weight, by_share,
    diversity, name, npmi, positions, reorder, sizes_over,
};
use partwise_report::{Run, decimal, duration, percent};
use serde_json::json;

use crate::arguments::{SolvingArguments, TopicsArguments, Width};
use crate::factor::Job;
use crate::interrupt::Ending;
use crate::memory::Limit;
use crate::number::Number;
use crate::outputs::{Staged, check_folder, check_results, check_spared};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::table::{Table, counted};
use crate::{input, page};
use data::Prepared;
use outputs::{Openings, Written};

/// Documents that are shown for each topic.
const TYPICAL: usize = 10;
/// Terms that name a topic.
const NAME_TERMS: usize = 3;
/// Entries of a matrix above which there is no copy of it.
const LEAN_ABOVE: usize = 8 << 20;
/// Terms of a topic on the terminal.
const SHOWN_TERMS: usize = 8;

pub(crate) fn run(arguments: &TopicsArguments) -> anyhow::Result<Ending> {
    let names = [
        "documents.csv",
        "sizes.csv",
        "topics.csv",
        "topics.png",
        "typical.csv",
    ];
    if let Some(model) = &arguments.apply {
        // The model may stay where it is.
        check_spared(&arguments.output, names)?;
        check_folder(&arguments.output)?;
        return apply::run(arguments, model);
    }
    check_results(&arguments.output, names)?;
    arguments.solving.check_parts()?;
    match arguments.terms.dtype {
        Width::F32 => learn::<f32>(arguments),
        Width::F64 => learn::<f64>(arguments),
    }
}

fn learn<T: Number + Weight>(arguments: &TopicsArguments) -> anyhow::Result<Ending> {
    let TopicsArguments {
        solving, reporting, ..
    } = arguments;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading and counting {name}"), reporting.quiet);
    let mut prepared = data::to_learn::<T>(arguments)?;
    let v = lean_if_large(view(&prepared)?, solving);
    let job = Job {
        solving,
        input: &name,
        convert_starts: true,
        memory: Limit::default(),
        quiet: reporting.quiet,
        progress: &progress,
    };
    let mut fit = job.run(&v, None)?;
    let stop = fit.stop;

    progress.doing("looking how good the topics are");
    let found = Found::of(&prepared, &mut fit, arguments);
    let mut data = Data {
        input: name,
        shape: (prepared.v.rows(), prepared.v.cols),
        nonzeros: prepared.v.values.len(),
        row_names: None,
        col_names: Some(prepared.terms.to_strings()),
    };
    let mut run = record::run(&data, solving, &fit)?;
    found.record(&mut run, &prepared, arguments)?;
    // The last that is asked of V, whose room the names of its rows take.
    prepared.v = TermRows::new(0);
    data.row_names = Some(prepared.ids.iter().map(Cow::into_owned).collect());

    progress.doing("writing the results");
    let mut staged = Staged::begin(&arguments.output)?;
    let openings = Openings::read(&prepared, &found.rows)?;
    let written = Written {
        prepared: &prepared,
        topics: Topics::new(fit.w.as_slice(), fit.h.as_slice(), solving.rank),
        sizes: &found.sizes,
        over: found.over.as_ref(),
        field: arguments.documents.label_field.as_deref(),
    };
    written.topics(&mut staged, &found.rows)?;
    written.documents(&mut staged)?;
    written.typical(&mut staged, &found.rows, &openings)?;
    written.sizes_over(&mut staged)?;
    staged.write(
        "topics.png",
        &outputs::picture(&run, &found, &prepared.terms)?,
    )?;
    let section = written.section(&found, &openings);
    page::stage(&mut staged, &run, &arguments.page, &section)?;
    let mut model = record::model(data, &run, fit);
    model.meta["topics"] = serde_json::to_value(&prepared.recipe)?;
    record::stage(&mut staged, &run, &model)?;
    let files = staged.commit()?;
    drop(progress);

    let mut table = record::table(&run, solving);
    found.list(&mut table, &prepared);
    record::finish(&run, table, &files, (stop, &arguments.output), reporting)
}

fn view<T: Number + Weight>(prepared: &Prepared<T>) -> anyhow::Result<Matrix<'_, T>> {
    let v = &prepared.v;
    Matrix::csr(v.rows(), v.cols, &v.offsets, &v.indices, &v.values)
        .with_context(|| prepared.name.clone())
}

/// A large corpus is not copied by its terms: a fit for the squared loss takes little longer without.
fn lean_if_large<'v, T: Number>(v: Matrix<'v, T>, solving: &SolvingArguments) -> Matrix<'v, T> {
    let free = solving.loss.is_quadratic() && solving.constraint.is_empty();
    match free && v.stored() > LEAN_ABOVE {
        true => v.lean(),
        false => v,
    }
}

/// Topics and how good they are.
struct Found {
    rows: Vec<TopicRow>,
    sizes: partwise_apps::text::Sizes,
    positions: Vec<[f64; 2]>,
    over: Option<SizesOver>,
    /// Mean of the topics' coherence; `None` if no topic has two terms.
    coherence: Option<f64>,
    diversity: f64,
}

impl Found {
    /// Orders the topics by their shares, largest first, and looks at them.
    fn of<T: Number + Weight>(
        prepared: &Prepared<T>,
        fit: &mut Factorization<T>,
        arguments: &TopicsArguments,
    ) -> Self {
        let rank = fit.h.rows();
        let order = by_share(&Topics::new(fit.w.as_slice(), fit.h.as_slice(), rank).sizes());
        reorder(fit.w.as_mut_slice(), fit.h.as_mut_slice(), &order);
        let topics = Topics::new(fit.w.as_slice(), fit.h.as_slice(), rank);
        let sizes = topics.sizes();
        let first = |most: usize| -> Vec<Vec<usize>> {
            let terms = |topic| topics.terms(topic, most).into_iter().map(|(term, _)| term);
            (0..rank).map(|topic| terms(topic).collect()).collect()
        };
        let coherence = npmi(&prepared.v, &first(COHERENCE_TERMS));
        let most = arguments.top_terms.get();
        let rows = (0..rank)
            .map(|topic| {
                let terms = topics.terms(topic, most);
                TopicRow {
                    name: name(&terms, &prepared.terms, NAME_TERMS),
                    share: sizes.shares[topic],
                    npmi: coherence[topic],
                    typical: topics.typical(topic, TYPICAL),
                    terms,
                }
            })
            .collect();
        let known: Vec<f64> = coherence.into_iter().flatten().collect();
        let labels = prepared.labels.as_ref();
        Self {
            rows,
            positions: positions(&topics, prepared.v.cols),
            over: labels.map(|labels| sizes_over(&topics, &sizes, labels)),
            coherence: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
            diversity: diversity(&first(DIVERSITY_TERMS)),
            sizes,
        }
    }

    fn record<T: Weight>(
        &self,
        run: &mut Run,
        prepared: &Prepared<T>,
        arguments: &TopicsArguments,
    ) -> anyhow::Result<()> {
        let terms = &arguments.terms;
        let analysis = prepared.recipe.analysis.as_ref();
        for (name, value) in [
            ("words", json!(analysis.map(|analysis| analysis.words))),
            ("stop_words", json!(terms.stop_words)),
            (
                "stem",
                json!(analysis.and_then(|analysis| analysis.stem.clone())),
            ),
            ("ngrams", json!(analysis.map(|analysis| analysis.ngrams))),
            ("min_df", json!(terms.min_df.to_string())),
            ("max_df", json!(terms.max_df.to_string())),
            ("max_features", json!(terms.max_features)),
            (
                "weighting",
                json!(format!("{:?}", terms.weighting).to_lowercase()),
            ),
            ("sublinear", json!(terms.sublinear)),
            ("binary", json!(terms.binary)),
            ("label_field", json!(arguments.documents.label_field)),
        ] {
            run.parameters.insert(name.to_owned(), value);
        }
        if let Some(coherence) = self.coherence {
            run.set_figure("coherence_npmi", coherence)?;
        }
        run.set_figure("diversity", self.diversity)?;
        run.set_figure("seconds_counting", prepared.seconds.0)?;
        run.set_figure("seconds_weighting", prepared.seconds.1)?;
        let empty = (0..prepared.v.rows()).filter(|row| prepared.v.row(*row).0.is_empty());
        let topic = |(row, position): (&TopicRow, &[f64; 2])| {
            json!({
                "name": row.name,
                "share": row.share,
                "npmi": row.npmi,
                "position": position,
                "terms": row.terms.iter().map(|(term, _)| prepared.terms.get(*term)).collect::<Vec<_>>(),
                "typical": row.typical.iter().map(|row| prepared.ids.get(*row)).collect::<Vec<_>>(),
            })
        };
        let topics: Vec<_> = self.rows.iter().zip(&self.positions).map(topic).collect();
        for (name, value) in [
            ("documents", json!(prepared.v.rows())),
            ("documents_without_terms", json!(empty.count())),
            ("vocabulary", json!(prepared.v.cols)),
            ("terms_removed", json!(prepared.removed)),
            ("words_counted", json!(prepared.words)),
            ("topics", json!(topics)),
        ] {
            run.extra.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn list<T: Weight>(&self, table: &mut Table, prepared: &Prepared<T>) {
        let (counting, weighting) = prepared.seconds;
        let counting = duration(counting + weighting);
        let words = match prepared.words {
            Some(words) => format!("{}, ", counted(words, "word")),
            None => String::new(),
        };
        table.row(
            "corpus",
            format!(
                "{}, {words}{}, {} left out, counted in {counting}",
                counted(prepared.ids.len() as u64, "document"),
                counted(prepared.terms.len() as u64, "term"),
                prepared.removed
            ),
        );
        if let Some(coherence) = self.coherence {
            table.row("coherence", format!("NPMI {}", decimal(coherence, 3)));
        }
        table.row("diversity", percent(self.diversity));
        for (number, row) in (1..).zip(&self.rows) {
            let words: Vec<_> = row
                .terms
                .iter()
                .take(SHOWN_TERMS)
                .map(|(term, _)| terminal_safe(prepared.terms.get(*term)))
                .collect();
            let npmi = row
                .npmi
                .map_or_else(|| "–".to_owned(), |npmi| decimal(npmi, 2));
            table.row(
                format!("topic {number}"),
                format!(
                    "{:>7}  NPMI {npmi:<6} {}",
                    percent(row.share),
                    words.join(", ")
                ),
            );
        }
    }
}

/// A term as a terminal may show it: those of a given vocabulary may hold anything.
fn terminal_safe(term: &str) -> String {
    term.replace(char::is_control, "\u{fffd}")
}
