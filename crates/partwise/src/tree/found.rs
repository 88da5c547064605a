//! What a tree gives back.

use crate::matrix::Dense;
use crate::nmf::Factorization;
use crate::{Error, Float};

/// A tree, and the samples in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeModel<T> {
    /// The tree.
    pub tree: Tree<T>,
    /// The leaf of each of the m rows of V, from 0 and from left to right; `None` for rows that were set aside.
    pub labels: Vec<Option<usize>>,
    /// The flat model: H (leaves × n) has the component of each leaf, and W (m × leaves) was found for all rows with H held.
    pub fit: Factorization<T>,
    /// Whether the tree was grown to its end: not if the observer ended it. A tree may have fewer leaves than were asked for even
    /// so, if none could be split.
    pub complete: bool,
    /// Seconds of it all.
    pub seconds: f64,
}

/// Nodes in the order in which they came to be: the root, then both children of the first split, and so on. The tree of fewer
/// leaves is a beginning of that of more.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree<T> {
    /// The nodes.
    pub nodes: Vec<TreeNode>,
    /// The component of each node, nodes × n, as a vector of length 1, a row each: of the root the best one for all of V, of every other node what the
    /// split of its parent made it.
    pub components: Dense<T>,
}

/// A node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeNode {
    /// What it is a child of; `None` for the root.
    pub parent: Option<usize>,
    /// Its children, the one that stands for more of it first; `None` for a leaf.
    pub children: Option<[usize; 2]>,
    /// Its rows of V.
    pub rows: usize,
    /// Rows of these that its split set aside.
    pub aside: usize,
    /// How good its split is, 0 to 1, made or not; `None` if it has none, or none was looked for: in the children of the last split.
    pub score: Option<f64>,
    /// Its number among the leaves, from left to right.
    pub leaf: Option<usize>,
}

impl<T: Float> Tree<T> {
    /// Refuses nodes that are no tree.
    pub(super) fn check(&self) -> Result<(), Error> {
        let count = self.nodes.len();
        let refuse = |reason: String| {
            let what = "tree";
            Err(Error::Malformed { what, reason })
        };
        if count == 0 || self.components.rows() != count {
            let components = self.components.rows();
            return refuse(format!("{count} nodes and {components} components"));
        }
        for (at, node) in self.nodes.iter().enumerate() {
            // What comes later cannot lead back.
            let lead_on =
                |children: [usize; 2]| children.iter().all(|x| (at + 1..count).contains(x));
            if !node.children.is_none_or(lead_on) {
                return refuse(format!("the children of node {at} do not come after it"));
            }
            if node.children.is_some() == node.leaf.is_some() {
                return refuse(format!("node {at} is not either a leaf or split"));
            }
        }
        Ok(())
    }

    /// The node of each leaf.
    pub fn leaves(&self) -> Vec<usize> {
        let numbered = |(node, one): (usize, &TreeNode)| one.leaf.map(|leaf| (leaf, node));
        let mut leaves: Vec<_> = self.nodes.iter().enumerate().filter_map(numbered).collect();
        leaves.sort_unstable();
        leaves.into_iter().map(|(_, node)| node).collect()
    }

    /// The component of each leaf, a row each: leaves × n.
    pub fn leaf_components(&self) -> Dense<T> {
        let leaves = self.leaves();
        let rows = leaves.iter().flat_map(|&node| self.components.row(node));
        let rows = rows.copied().collect();
        Dense::from_rows(rows, leaves.len(), self.components.cols()).expect("a row for each leaf")
    }
}
