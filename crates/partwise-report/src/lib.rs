//! Pictures and pages of results: data in, PNG or HTML out.
//!
//! Nothing here knows the engine or touches a file. A figure is drawn as SVG from plain data and
//! rendered with a font that this crate carries, so it looks the same on every machine. The caller
//! gets the bytes and writes them where it likes.
//!
//! | function | draws |
//! |---|---|
//! | [`comparison`] | original, reconstruction and difference, side by side |
//! | [`bars`](bars()) | many small bar charts, such as the terms of topics |
//! | [`clustergram`] | how alike many things in clusters are, and how sure each cluster is |
//! | [`gallery`] | many small pictures with captions, such as components |
//! | [`heat_map`] | numbers over two axes as colours, such as a spectrogram |
//! | [`line_chart`] | curves over one or more panels with linear or logarithmic axes |
//! | [`tree`](tree()) | a tree of groups, each with words that say what it holds |
//! | [`convergence`] | the line chart of a [`Run`]'s objective and residual |
//! | [`page`] | everything of a run in one HTML file that needs nothing else, to look at and to play with |
//!
//! ```
//! use partwise_report::{Axis, Chart, Panel, Series, line_chart};
//!
//! let chart = Chart {
//!     title: "Error by rank".to_owned(),
//!     caption: None,
//!     x: Axis::new("rank"),
//!     panels: vec![Panel::new(
//!         Axis::new("relative error"),
//!         vec![Series::new("cd", vec![(5.0, 0.31), (10.0, 0.22), (20.0, 0.15)])],
//!     )],
//! };
//! let png = line_chart(&chart).to_png()?;
//! assert!(png.starts_with(b"\x89PNG"));
//! # Ok::<(), partwise_report::ReportError>(())
//! ```

mod bars;
mod canvas;
mod chart;
mod clustergram;
pub mod colour;
mod comparison;
mod error;
mod gallery;
mod heat_map;
mod number;
mod page;
mod raster;
mod run;
mod sums;
mod text;
mod ticks;
mod tree;

pub use bars::{BAR_PANELS, BarPanel, Bars, bars};
pub use canvas::{Figure, PIXELS_PER_UNIT};
pub use chart::{Axis, Chart, Panel, Scale, Series, line_chart};
pub use clustergram::{Cluster, Clustergram, clustergram};
pub use comparison::{Comparison, comparison, quality_caption};
pub use error::ReportError;
pub use gallery::{Cell, GALLERY_CELLS, Gallery, Shading, gallery};
pub use heat_map::{HeatMap, Side, heat_map};
pub use number::{decimal, duration, percent};
pub use page::{
    AudioSection, Content, DocumentTopics, FieldSizes, ImageSection, Note, PartsSection, RateCurve,
    RatePoint, Section, Source, Strokes, SurveyComponent, SurveyCurve, SurveyRank, SurveySection,
    Topic, TopicsSection, page, plain_page,
};
pub use raster::Raster;
pub use run::{Run, TracePoint, convergence, stop_in_words};
pub use sums::{Sum, Term, sums};
pub use tree::{TREE_LEAVES, TreeFigure, TreeGroup, tree};
