//! What every page has: heading, figures, convergence, parameters, and the command to run again.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Content, Kind, data,
    html::{command_line, escaped},
};
use crate::{
    ReportError, Run, colour,
    number::{decimal, duration, percent, whole},
    run::caption,
};

const STYLE: &[&str] = &[
    include_str!("assets/page.css"),
    include_str!("assets/sections.css"),
];
/// Scripts that every page has.
const COMMON: &[&str] = &[
    include_str!("assets/core.js"),
    include_str!("assets/choices.js"),
    include_str!("assets/chart.js"),
    include_str!("assets/run.js"),
];
impl Kind {
    /// Its name in the page.
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Parts => "parts",
            Self::Topics => "topics",
            Self::Audio => "audio",
            Self::Survey => "survey",
        }
    }

    /// Heading of the section.
    fn heading(self) -> &'static str {
        match self {
            Self::Image => "The picture from its layers",
            Self::Parts => "Pictures and their parts",
            Self::Topics => "Topics",
            Self::Audio => "Sound from its components",
            Self::Survey => "Which rank?",
        }
    }

    /// What draws the section.
    fn scripts(self) -> &'static [&'static str] {
        match self {
            Self::Image => &[include_str!("assets/image.js")],
            Self::Parts => &[include_str!("assets/parts.js")],
            Self::Topics => &[
                include_str!("assets/topicmap.js"),
                include_str!("assets/documents.js"),
                include_str!("assets/topics.js"),
            ],
            Self::Audio => &[
                include_str!("assets/transform.js"),
                include_str!("assets/player.js"),
                include_str!("assets/spectra.js"),
                include_str!("assets/audio.js"),
            ],
            Self::Survey => &[include_str!("assets/survey.js")],
        }
    }
}

/// Nothing may be fetched, whatever a page is made to hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data: blob:; media-src data: blob:; base-uri 'none'; form-action 'none'";

/// How a figure of [`Run::extra`] is shown.
#[derive(Clone, Copy)]
enum Form {
    Number(usize),
    Share,
    /// A number with a unit behind it.
    Unit(&'static str),
}

/// Figures by their name in run.json; others are shown under their own name.
const FIGURES: &[(&str, &str, Form)] = &[
    ("psnr_db", "PSNR", Form::Unit("dB")),
    ("ssim", "SSIM", Form::Number(3)),
    ("stored_values_ratio", "stored values", Form::Share),
    ("svd_relative_error", "best possible error", Form::Share),
    ("loss_bound", "least loss of this rank", Form::Number(5)),
    ("loss_above_bound", "loss above the least", Form::Number(5)),
    ("residual", "KKT residual", Form::Number(3)),
    ("divergence", "divergence", Form::Number(5)),
];
/// Extra fields that are shown elsewhere.
const ELSEWHERE: &[&str] = &["input", "init", "seed", "dtype"];

/// The whole file.
pub(super) fn html(run: &Run, content: Option<&Content>) -> Result<String, ReportError> {
    // Refuses what no JSON can hold before it is put into the page.
    run.to_json()?;
    let input = run.extra.get("input").and_then(Value::as_str);
    let name = content
        .and_then(|content| content.name.clone())
        .or_else(|| input.map(|input| file_name(input).to_owned()))
        .unwrap_or_else(|| "partwise".to_owned());
    let plural = if run.rank == 1 { "" } else { "s" };
    let components = format!("{} component{plural}", run.rank);
    let mut page = String::new();
    let mut put = |text: &str| page.push_str(text);
    put("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put(&format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"
    ));
    put("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    put("<meta name=\"color-scheme\" content=\"light dark\">\n");
    put(&format!(
        "<meta name=\"generator\" content=\"partwise {}\">\n<title>{} – {components}</title>\n",
        escaped(&run.version),
        escaped(&name)
    ));
    // An icon of its own, or browsers would ask for one.
    put("<link rel=\"icon\" href=\"data:,\">\n<style>\n");
    STYLE.iter().for_each(|style| put(style));
    put("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the result</a>\n");
    put(&format!(
        "<header>\n<h1>{} <small>in {components}</small></h1>\n<p class=\"summary\">{}</p>\n{}</header>\n",
        escaped(&name),
        escaped(&caption(run)),
        figures(run)
    ));
    put("<main id=\"main\" tabindex=\"-1\">\n");
    put(
        "<noscript><p class=\"note\">The pictures of this page are drawn by its scripts, which are switched off.</p></noscript>\n",
    );
    if let Some(content) = content {
        put(&format!(
            "<section aria-labelledby=\"result-heading\">\n<h2 id=\"result-heading\">{}</h2>\n\
             <div id=\"result\" class=\"{}\"></div>\n</section>\n",
            content.kind.heading(),
            content.kind.name()
        ));
    }
    put(
        "<section aria-labelledby=\"convergence-heading\">\n<h2 id=\"convergence-heading\">Convergence</h2>\n\
         <div id=\"convergence\"></div>\n</section>\n",
    );
    put(&parameters(run));
    put(&reproduce(run, input));
    put(&format!(
        "</main>\n<footer>Made by partwise {}. This file needs no network and no other file.</footer>\n",
        escaped(&run.version)
    ));
    let mut record = serde_json::to_value(run)?;
    record["colours"] = json!({ "viridis": colour::VIRIDIS });
    put(&script("run", &record));
    let mut scripts: Vec<&str> = COMMON.to_vec();
    if let Some(content) = content {
        put(&script("section", &content.data));
        scripts.extend(content.kind.scripts());
    }
    put("<script>\n\"use strict\";\n");
    scripts.iter().for_each(|script| put(script));
    put("</script>\n</body>\n</html>\n");
    Ok(page)
}

/// What a path is called without its folders.
fn file_name(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.unwrap_or(path)
}

fn script(id: &str, value: &Value) -> String {
    let json = data::script_json(value);
    format!("<script type=\"application/json\" id=\"{id}\">{json}</script>\n")
}

/// The figures of the run as a list of names and values.
fn figures(run: &Run) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    if let Some(error) = run.relative_error {
        row("relative error", percent(error));
    }
    row("objective", decimal(run.objective, 5));
    row("iterations", run.iterations.to_string());
    row("time", duration(run.seconds));
    for &(field, name, form) in FIGURES {
        if let Some(value) = run.figure(field) {
            // Without penalties the objective says it already.
            if field == "divergence" && value == run.objective {
                continue;
            }
            let text = match form {
                Form::Number(digits) => decimal(value, digits),
                Form::Share => percent(value),
                Form::Unit(unit) => format!("{}\u{a0}{unit}", decimal(value, 4)),
            };
            row(name, text);
        }
    }
    if let Some([least, median, most]) = run.starts() {
        let [least, median, most] = [least, median, most].map(|value| decimal(value, 4));
        row("objectives of starts", format!("{least} to {most}"));
        row("their median", median);
    }
    if let Some(flaws) = run.flaws() {
        row("flaws, components from 1", flaws.to_owned());
    }
    for field in run.extra.keys() {
        let known = FIGURES.iter().any(|(known, ..)| known == field);
        if !known
            && !ELSEWHERE.contains(&field.as_str())
            && let Some(value) = run.figure(field)
        {
            let name = field.replace('_', " ");
            match name.strip_prefix("seconds ") {
                Some(what) => row(&format!("time {what}"), duration(value)),
                None => row(
                    &name,
                    run.extra[field]
                        .as_u64()
                        .map_or_else(|| decimal(value, 3), whole),
                ),
            }
        }
    }
    let item = |(name, value): &(String, String)| {
        format!(
            "<div><dt>{}</dt><dd>{}</dd></div>\n",
            escaped(name),
            escaped(value)
        )
    };
    let items: String = rows.iter().map(item).collect();
    format!("<dl class=\"figures\">\n{items}</dl>\n")
}

fn parameters(run: &Run) -> String {
    let [m, n] = run.shape;
    let mut rows: Vec<(String, String)> = run
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect();
    rows.push((
        "data".to_owned(),
        format!(
            "{} × {}, {} entries that are not zero",
            whole(m),
            whole(n),
            whole(run.nonzeros)
        ),
    ));
    rows.push(("solver used".to_owned(), run.solver.clone()));
    for (field, name) in [("init", "start used"), ("dtype", "numbers")] {
        if let Some(value) = run.extra.get(field).filter(|value| !value.is_null()) {
            rows.push((name.to_owned(), plain(value)));
        }
    }
    let line = |(name, value): &(String, String)| {
        let (name, value) = (escaped(name), escaped(value));
        format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")
    };
    let lines: String = rows.iter().map(line).collect();
    format!(
        "<section aria-labelledby=\"parameters-heading\">\n<h2 id=\"parameters-heading\">Parameters</h2>\n\
         <dl class=\"parameters\">\n{lines}</dl>\n</section>\n"
    )
}

/// A value of JSON as a reader wants it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "–".to_owned(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            values.join(", ")
        }
        other => other.to_string(),
    }
}

fn reproduce(run: &Run, input: Option<&str>) -> String {
    let command = escaped(&command_line(&run.command));
    let version = escaped(&run.version);
    let file = match input {
        Some(input) => format!("the same <code>{}</code>", escaped(input)),
        None => "the same data".to_owned(),
    };
    let seed = match run.parameters.get("seed").and_then(Value::as_u64) {
        Some(seed) => format!(
            "All random draws come from the seed {seed}, and the answer has the same bits for any number of threads."
        ),
        None => "The answer has the same bits for any number of threads.".to_owned(),
    };
    format!(
        "<section aria-labelledby=\"reproduce-heading\">\n<h2 id=\"reproduce-heading\">How to reproduce</h2>\n\
         <p>With partwise {version} and {file}, in the folder where it was run:</p>\n\
         <div class=\"command\"><pre tabindex=\"0\" aria-label=\"command\"><code id=\"command\">{command}</code></pre>\n\
         <button type=\"button\" id=\"copy\">Copy</button></div>\n\
         <p id=\"copied\" class=\"quiet\" role=\"status\"></p>\n<p>{seed}</p>\n</section>\n"
    )
}
