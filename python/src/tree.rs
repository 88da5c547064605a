//! A tree of rank-2 factorisations, with the parameters by name and the results by name.

use numpy::PyArray1;
use partwise::{NmfTree, SplitRule, Tree, TreeModel, TreeNode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::to_python;
use crate::fit::{Fit, Options};
use crate::watch::{self, Watcher};

/// The parameters of a tree: further items of the dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Asked {
    n_leaves: usize,
    rule: String,
    outliers: f64,
    solver: String,
    init: String,
    seed: u64,
}

/// What comes back: a dictionary. Nodes in the order in which they came to be.
#[derive(IntoPyObject)]
pub(crate) struct Found<'py> {
    fit: Fit<'py>,
    /// The leaf of each row, or None.
    labels: Vec<Option<usize>>,
    children: Vec<Option<(usize, usize)>>,
    leaf: Vec<Option<usize>>,
    rows: Vec<usize>,
    aside: Vec<usize>,
    score: Vec<Option<f64>>,
    components: Bound<'py, PyAny>,
    complete: bool,
}

fn configured(options: &Bound<'_, PyAny>) -> PyResult<NmfTree> {
    let (common, asked): (Options, Asked) = (options.extract()?, options.extract()?);
    let tree = || {
        let nmf = common
            .common()?
            .solver(asked.solver.parse()?)
            .init(asked.init.parse()?)
            .seed(asked.seed);
        let tree = NmfTree::new(asked.n_leaves)
            .nmf(nmf)
            .rule(asked.rule.parse()?)
            .outliers(asked.outliers);
        tree.check()?;
        Ok(tree)
    };
    tree().map_err(to_python)
}

/// The engine's rules to choose the next split as (name, what it asks).
#[pyfunction]
pub(crate) fn split_rules() -> Vec<(&'static str, &'static str)> {
    let line = |rule: SplitRule| (rule.name(), rule.title());
    SplitRule::all().map(line).collect()
}

/// Grows a tree of the rows of X; None if the callback ended it before the first split.
#[pyfunction]
#[pyo3(signature = (x, options, callback=None, keep_best=false))]
pub(crate) fn fit_tree<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: Bound<'py, PyAny>,
    callback: Option<Py<PyAny>>,
    keep_best: bool,
) -> PyResult<Option<Found<'py>>> {
    let watcher = Watcher {
        callback,
        keep_best,
    };
    let asked = configured(&options)?;
    match AnyStored::of(x)? {
        AnyStored::F32(x) => fit_stored(py, &x, &asked, watcher),
        AnyStored::F64(x) => fit_stored(py, &x, &asked, watcher),
    }
}

fn fit_stored<'py, T: Number>(
    py: Python<'py>,
    x: &Stored<'py, T>,
    asked: &NmfTree,
    watcher: Watcher,
) -> PyResult<Option<Found<'py>>> {
    let view = x.view()?;
    let found = watch::run_survey(py, watcher, |observer| asked.run(&view.matrix()?, observer))?;
    found.map(|found| Found::of(py, found)).transpose()
}

impl<'py> Found<'py> {
    fn of<T: Number>(py: Python<'py>, model: TreeModel<T>) -> PyResult<Self> {
        let nodes = &model.tree.nodes;
        let children = |node: &TreeNode| node.children.map(|[first, second]| (first, second));
        Ok(Self {
            children: nodes.iter().map(children).collect(),
            leaf: nodes.iter().map(|node| node.leaf).collect(),
            rows: nodes.iter().map(|node| node.rows).collect(),
            aside: nodes.iter().map(|node| node.aside).collect(),
            score: nodes.iter().map(|node| node.score).collect(),
            components: arrays::to_numpy(py, model.tree.components)?,
            labels: model.labels,
            complete: model.complete,
            fit: Fit::of(py, model.fit)?,
        })
    }
}

/// The leaf of each row of X, by the children and the numbers of leaves of the nodes and their components.
#[pyfunction]
pub(crate) fn predict_tree<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: Bound<'py, PyAny>,
    children: Vec<Option<[usize; 2]>>,
    leaf: Vec<Option<usize>>,
    components: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<usize>>> {
    let asked = configured(&options)?;
    if children.len() != leaf.len() {
        return Err(PyValueError::new_err(format!(
            "children has {} nodes and leaf {}: expected as many",
            children.len(),
            leaf.len()
        )));
    }
    let node = |(children, leaf): (Option<[usize; 2]>, Option<usize>)| TreeNode {
        parent: None,
        children,
        rows: 0,
        aside: 0,
        score: None,
        leaf,
    };
    let nodes: Vec<TreeNode> = children.into_iter().zip(leaf).map(node).collect();
    match AnyStored::of(x)? {
        AnyStored::F32(x) => predict_stored(py, &x, &asked, nodes, components),
        AnyStored::F64(x) => predict_stored(py, &x, &asked, nodes, components),
    }
}

fn predict_stored<'py, T: Number>(
    py: Python<'py>,
    x: &Stored<'py, T>,
    asked: &NmfTree,
    nodes: Vec<TreeNode>,
    components: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<usize>>> {
    let view = x.view()?;
    let components = arrays::factor(Some(components))?;
    let components = components.expect("components that are given");
    let tree = Tree { nodes, components };
    let nobody = Watcher::nobody();
    let labels = watch::run_survey(py, nobody, |observer| {
        asked.predict_with(&view.matrix()?, &tree, observer.interrupt())
    })?;
    Ok(PyArray1::from_vec(py, labels))
}
