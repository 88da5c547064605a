//! What a constraint knows beside V.

use super::{Graph, Labels};

/// What is known of the rows of a factor, for the constraint of the same name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Beside {
    Graph(Graph),
    Labels(Labels),
}

impl Beside {
    /// The name of the constraint that takes it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Graph(_) => "graph",
            Self::Labels(_) => "labels",
        }
    }

    /// Rows of the factor that it is about.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Graph(graph) => graph.len(),
            Self::Labels(labels) => labels.len(),
        }
    }

    /// Equal for what is the same.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Graph(graph) => graph.fingerprint(),
            Self::Labels(labels) => labels.fingerprint(),
        }
    }
}
