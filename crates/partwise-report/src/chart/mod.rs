//! Curves over one shared horizontal axis, in one or more panels.

mod drawing;
mod legend;
mod plot;

pub use drawing::line_chart;

/// How numbers become places along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences, equal lengths.
    Linear,
    /// Equal ratios, equal lengths. Values that are not positive are drawn as hollow marks on the
    /// lower edge of a vertical axis and left out along a horizontal one.
    Log,
    /// Logarithmic where all values are positive and the largest is at least 100 times the
    /// smallest; with zeros among them only along a vertical axis and from 10,000 times; else
    /// linear.
    #[default]
    Auto,
}

/// An axis: what it measures and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What is measured, with its unit in brackets: "time (s)".
    pub label: String,
    /// How numbers become places.
    pub scale: Scale,
    /// A value to be marked by a line through every panel; of a horizontal axis.
    pub mark: Option<f64>,
}

impl Axis {
    /// An axis whose scale follows the data.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Auto,
            mark: None,
        }
    }

    /// The same axis with the given scale.
    pub fn scaled(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The same axis with a value marked.
    pub fn marked(mut self, value: f64) -> Self {
        self.mark = Some(value);
        self
    }
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points (x, y) in the order they are joined. One that is not finite breaks the curve.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A curve through `points`.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
        }
    }
}

/// One field of curves with its own vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The vertical axis.
    pub y: Axis,
    /// The curves; a legend names them if there is more than one.
    pub series: Vec<Series>,
    /// Height relative to the other panels, above 0.
    pub weight: f64,
}

impl Panel {
    /// A panel of the usual height.
    pub fn new(y: Axis, series: Vec<Series>) -> Self {
        Self {
            y,
            series,
            weight: 1.0,
        }
    }

    /// The same panel with another height relative to the others.
    pub fn weighted(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }
}

/// A whole figure of panels one above the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Heading.
    pub title: String,
    /// A line or two below the heading.
    pub caption: Option<String>,
    /// The horizontal axis that all panels share.
    pub x: Axis,
    /// The panels, from the top.
    pub panels: Vec<Panel>,
}
