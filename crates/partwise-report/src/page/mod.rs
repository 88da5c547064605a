//! The report of a run: one HTML file that needs nothing else, neither network nor other files.
//!
//! [`page`] checks what it is given, thins what is too large (the page says so), and puts it as JSON and base64
//! beside the style sheets and scripts of `assets/`, which draw it. Words reach the page as text only, never as
//! HTML; the page's content security policy forbids every request.
//!
//! | module | what |
//! |---|---|
//! | `shell` | heading, figures, convergence, parameters, command: what every run has |
//! | `image`, `parts`, `topics`, `audio`, `survey` | what one kind of run adds: types, checks, JSON |
//! | `check`, `data`, `html` | refusals; numbers as base64; escaping |
//!
//! Each kind of run has one script in `assets/` that draws it, `<kind>.js`; `core.js` and `chart.js` serve all.

mod audio;
mod check;
mod data;
mod html;
mod image;
mod parts;
mod shell;
mod survey;
mod topics;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use audio::{AudioSection, Note, Source, Strokes};
pub use image::{ImageSection, RateCurve, RatePoint};
pub use parts::PartsSection;
pub use survey::{SurveyComponent, SurveyCurve, SurveyRank, SurveySection};
pub use topics::{DocumentTopics, FieldSizes, Topic, TopicsSection};

use crate::{ReportError, Run};

/// What one kind of run adds to its page.
#[derive(Debug, Clone)]
pub enum Section {
    /// A picture as the sum of its layers.
    Image(ImageSection),
    /// Many pictures as sums of shared parts.
    Parts(PartsSection),
    /// Documents as mixtures of topics.
    Topics(TopicsSection),
    /// A recording as the sum of its components.
    Audio(AudioSection),
    /// A survey of ranks.
    Survey(SurveySection),
}

/// A section checked and thinned, as the page holds it. It can be kept as JSON to make the page of its run from later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    kind: Kind,
    /// The name of the page's subject, if the section knows one.
    name: Option<String>,
    /// What the scripts draw.
    data: Value,
}

/// Which of the scripts draw a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Image,
    Parts,
    Topics,
    Audio,
    Survey,
}

impl Content {
    /// What a page shows of `section`.
    ///
    /// # Errors
    ///
    /// [`ReportError::Length`], [`ReportError::Value`] or [`ReportError::DifferentPictures`] if the section does not fit
    /// together.
    pub fn of(section: &Section) -> Result<Self, ReportError> {
        match section {
            Section::Image(section) => section.content(),
            Section::Parts(section) => section.content(),
            Section::Topics(section) => section.content(),
            Section::Audio(section) => section.content(),
            Section::Survey(section) => section.content(),
        }
    }

    /// The page of `run` with this, as the text of an HTML file.
    ///
    /// # Errors
    ///
    /// [`ReportError::NotFinite`] if a number of the run is not finite.
    pub fn page(&self, run: &Run) -> Result<String, ReportError> {
        shell::html(run, Some(self))
    }
}

/// The page of `run` with all that `section` adds, as the text of an HTML file.
///
/// # Errors
///
/// Those of [`Content::of`] and [`Content::page`].
pub fn page(run: &Run, section: &Section) -> Result<String, ReportError> {
    Content::of(section)?.page(run)
}

/// The page of a run of which nothing but its record is known: figures, convergence, parameters, command.
///
/// # Errors
///
/// [`ReportError::NotFinite`] if a number of the run is not finite.
pub fn plain_page(run: &Run) -> Result<String, ReportError> {
    shell::html(run, None)
}
