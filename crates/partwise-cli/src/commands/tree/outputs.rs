//! A tree as data and as a picture.

use std::fmt::Write;

use partwise::{Tree, TreeModel};
use partwise_report::{TreeFigure, TreeGroup, tree};
use serde_json::{Value, json};

use crate::arguments::TreeArguments;
use crate::number::Number;
use crate::outputs::Staged;
use crate::record::Data;
use crate::table::quoted;

/// The columns that stand for each node, the largest first.
pub(super) struct Terms(Vec<Vec<String>>);

impl Terms {
    pub(super) fn of<T: Number>(tree: &Tree<T>, names: Option<&[String]>, most: usize) -> Self {
        let name = |j: usize| match names {
            Some(names) => names[j].clone(),
            None => (j + 1).to_string(),
        };
        let of_node = |node: usize| {
            let row = tree.components.row(node);
            let mut order: Vec<usize> = (0..row.len()).filter(|&j| row[j] > T::ZERO).collect();
            order.sort_by(|&a, &b| {
                let (a, b): (f64, f64) = (row[a].into(), row[b].into());
                b.total_cmp(&a)
            });
            order.into_iter().take(most).map(name).collect()
        };
        Self((0..tree.nodes.len()).map(of_node).collect())
    }
}

/// Stages tree.csv, assignments.csv and tree.png.
///
/// # Errors
/// If the picture cannot be drawn or the system refuses a file.
pub(super) fn stage<T: Number>(
    staged: &mut Staged,
    found: &TreeModel<T>,
    data: &Data,
    terms: &Terms,
) -> anyhow::Result<()> {
    staged.write("tree.csv", nodes(found, terms).as_bytes())?;
    staged.write("assignments.csv", assignments(found, data).as_bytes())?;
    staged.write("tree.png", &picture(found, data, terms)?)
}

/// Something that may be absent, as a field.
fn field<D: std::fmt::Display>(value: Option<D>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A row for each node; nodes and leaves are counted from 1.
fn nodes<T: Number>(found: &TreeModel<T>, terms: &Terms) -> String {
    let mut text =
        "node,parent,first_child,second_child,leaf,rows,set_aside,score,terms\n".to_owned();
    for (at, (node, terms)) in found.tree.nodes.iter().zip(&terms.0).enumerate() {
        let child = |which: usize| field(node.children.map(|children| children[which] + 1));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{}",
            at + 1,
            field(node.parent.map(|parent| parent + 1)),
            child(0),
            child(1),
            field(node.leaf.map(|leaf| leaf + 1)),
            node.rows,
            node.aside,
            field(node.score),
            quoted(&terms.join("; "))
        );
    }
    text
}

/// A row for each row of V, with its leaf, counted from 1, or nothing if it was set aside.
fn assignments<T: Number>(found: &TreeModel<T>, data: &Data) -> String {
    let mut text = "row,leaf\n".to_owned();
    for (i, label) in found.labels.iter().enumerate() {
        let row = match &data.row_names {
            Some(names) => quoted(&names[i]),
            None => (i + 1).to_string(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{row},{}", field(label.map(|leaf| leaf + 1)));
    }
    text
}

/// What run.json says of the tree: its nodes, counted from 0.
pub(super) fn record<T: Number>(
    arguments: &TreeArguments,
    found: &TreeModel<T>,
    terms: &Terms,
) -> Value {
    let node = |(node, terms): (&partwise::TreeNode, &Vec<String>)| {
        json!({
            "parent": node.parent,
            "children": node.children,
            "leaf": node.leaf,
            "rows": node.rows,
            "set_aside": node.aside,
            "score": node.score,
            "terms": terms,
        })
    };
    let nodes = found.tree.nodes.iter().zip(&terms.0).map(node);
    json!({
        "leaves_asked": arguments.solving.rank,
        "leaves": found.fit.h.rows(),
        "rule": arguments.rule.name(),
        "outliers": arguments.outliers,
        "set_aside": found.labels.iter().filter(|label| label.is_none()).count(),
        "seconds": found.seconds,
        "complete": found.complete,
        "nodes": nodes.collect::<Vec<_>>(),
    })
}

fn picture<T: Number>(found: &TreeModel<T>, data: &Data, terms: &Terms) -> anyhow::Result<Vec<u8>> {
    let group = |(node, terms): (&partwise::TreeNode, &Vec<String>)| TreeGroup {
        children: node.children,
        name: field(node.leaf.map(|leaf| leaf + 1)),
        words: terms.join(", "),
        size: node.rows,
    };
    let groups: Vec<TreeGroup> = found.tree.nodes.iter().zip(&terms.0).map(group).collect();
    let (m, n) = data.shape;
    let of = match &data.col_names {
        Some(_) => "Columns",
        None => "Numbers of the columns",
    };
    let figure = tree(&TreeFigure {
        title: &format!(
            "Tree of {}: {m} × {n}, {} leaves",
            data.input,
            found.fit.h.rows()
        ),
        note: &format!(
            "{of} with the largest weights in each node. A branch is as thick as it has rows; each node falls into two by a factorisation with two components."
        ),
        things: "rows",
        groups: &groups,
    })?;
    Ok(figure.to_png()?)
}
