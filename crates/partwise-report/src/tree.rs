//! A tree of groups of things, each with words that say what it holds: the root on the left, a line for every group.

use crate::{
    ReportError,
    canvas::{Anchor, Canvas, Figure, MARGIN, Type, ink},
    colour::CURVES,
};

/// Most leaves that a figure of a tree shows; of more the tree of so many is shown, and a line says so.
pub const TREE_LEAVES: usize = 80;

/// A group of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeGroup {
    /// The groups that it falls into, which come later in the list; `None` for a leaf.
    pub children: Option<[usize; 2]>,
    /// What it is called, such as "7"; or "".
    pub name: String,
    /// Words that say what it holds.
    pub words: String,
    /// Things in it.
    pub size: usize,
}

/// What a figure of a tree shows.
#[derive(Debug, Clone, Copy)]
pub struct TreeFigure<'a> {
    /// Heading.
    pub title: &'a str,
    /// Words below the heading, or "".
    pub note: &'a str,
    /// What the things are called, such as "documents".
    pub things: &'a str,
    /// The groups: the root, then both parts of each group in the order in which it fell into them.
    pub groups: &'a [TreeGroup],
}

/// Height of a group's line, in units.
const LINE: f64 = 22.0;
/// Most width of a step from a group to its parts, and of all steps together.
const STEP: f64 = 34.0;
const STEPS: f64 = 420.0;
/// Thickness of the branch to a group of all things, and the least of any.
const BRANCH: (f64, f64) = (9.0, 1.4);
/// Most room for words, and the room for bars of sizes.
const WORDS: f64 = 470.0;
const BARS: f64 = 130.0;
const BAR: f64 = 11.0;
const GAP: f64 = 9.0;

/// Where a group is drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    depth: usize,
    line: usize,
}

/// Draws the tree. Its branches are as thick as there are things in them; leaves have bars for their sizes.
///
/// # Errors
///
/// [`ReportError::NoPictures`] if there is no group; [`ReportError::Value`] if the groups are no tree in this order.
pub fn tree(tree: &TreeFigure<'_>) -> Result<Figure, ReportError> {
    let groups = shown(tree.groups)?;
    let places = places(&groups);
    let depth = places.iter().map(|place| place.depth).max().unwrap_or(0);
    let step = STEP.min(STEPS / depth.max(1) as f64);
    let x = |place: Place| MARGIN + 6.0 + place.depth as f64 * step;
    let label = |group: &TreeGroup| Type::LABEL.width(&group.words) + name_width(group);
    let reach = groups
        .iter()
        .zip(&places)
        .map(|(group, place)| x(*place) + GAP + label(group).min(WORDS));
    let bars = reach.fold(0.0, f64::max) + 2.0 * GAP;
    let largest = groups
        .iter()
        .filter(|one| one.children.is_none())
        .map(|one| one.size)
        .max();
    let largest = largest.unwrap_or(0).max(1) as f64;
    let count = |size: usize| format!("{size}");
    let counts = groups
        .iter()
        .map(|one| Type::SMALL.width(&count(one.size)))
        .fold(0.0, f64::max);
    let width = (bars + BARS + GAP + counts + MARGIN).max(520.0);

    let mut canvas = Canvas::default();
    let room = width - 2.0 * MARGIN;
    let mut y = MARGIN + Type::TITLE.size;
    y = canvas.lines(
        (MARGIN, y),
        Type::TITLE,
        &Type::TITLE.wrapped(tree.title, room),
    );
    let mut note = tree.note.to_owned();
    if groups.len() < tree.groups.len() {
        note = format!("{note} The tree of the first {TREE_LEAVES} leaves is shown.");
    }
    y = canvas.lines(
        (MARGIN, y),
        Type::NOTE,
        &Type::NOTE.wrapped(note.trim(), room),
    );
    let top = y + 4.0;
    canvas.text((bars, top), Type::SMALL, tree.things);
    let top = top + 6.0;
    let middle = |place: Place| top + (place.line as f64 + 0.5) * LINE;
    let all = groups[0].size.max(1) as f64;
    let thickness = |size: usize| BRANCH.1 + (BRANCH.0 - BRANCH.1) * size as f64 / all;
    for (group, &place) in groups.iter().zip(&places) {
        for &child in group.children.iter().flatten() {
            let (part, to) = (&groups[child], places[child]);
            let wide = thickness(part.size);
            let (from, at) = ((x(place), middle(place)), (x(to), middle(to)));
            canvas.line(from, (from.0, at.1), ink::FRAME, wide);
            // The corner is closed by half the thickness.
            canvas.line((from.0 - wide / 2.0, at.1), at, ink::FRAME, wide);
        }
    }
    for (group, &place) in groups.iter().zip(&places) {
        let (left, at) = (x(place), middle(place));
        let leaf = group.children.is_none();
        canvas.marker((left, at), if leaf { CURVES[0] } else { ink::MUTED }, leaf);
        let base = at + Type::LABEL.size * 0.36;
        let mut left = left + GAP;
        if !group.name.is_empty() {
            let heading = bold();
            canvas.text((left, base), heading, &group.name);
            left += name_width(group);
        }
        let style = if leaf { Type::LABEL } else { Type::NOTE };
        let fitting = style.fitted(&group.words, WORDS - name_width(group));
        canvas.text((left, base), style, &fitting);
        if leaf {
            let length = group.size as f64 / largest * BARS;
            canvas.rectangle((bars, at - BAR / 2.0), (length, BAR), CURVES[0], None);
            let end = (bars + length + 5.0, at + Type::SMALL.size * 0.36);
            canvas.text(end, Type::SMALL.anchored(Anchor::Start), &count(group.size));
        }
    }
    let bottom = top + groups.len() as f64 * LINE;
    canvas.line((bars, top), (bars, bottom), ink::AXIS, 1.0);
    Ok(canvas.finish(width, bottom + MARGIN))
}

fn bold() -> Type {
    Type {
        size: Type::LABEL.size,
        ..Type::HEADING
    }
}

fn name_width(group: &TreeGroup) -> f64 {
    match group.name.as_str() {
        "" => 0.0,
        name => bold().width(name) + GAP,
    }
}

/// The tree of the first leaves, checked.
fn shown(groups: &[TreeGroup]) -> Result<Vec<TreeGroup>, ReportError> {
    if groups.is_empty() {
        return Err(ReportError::NoPictures);
    }
    let count = groups.len().min(2 * TREE_LEAVES - 1);
    let mut next = 1;
    let mut of_parts: Vec<(usize, [usize; 2])> = groups
        .iter()
        .enumerate()
        .filter_map(|(at, group)| group.children.map(|children| (at, children)))
        .collect();
    of_parts.sort_by_key(|(_, children)| children[0]);
    for (at, children) in of_parts {
        if children != [next, next + 1] || at >= next || next + 1 >= groups.len() {
            return Err(ReportError::Value {
                place: format!("the children of group {at}"),
                value: format!("{children:?}"),
                expected: format!("the groups {next} and {}", next + 1),
            });
        }
        next += 2;
    }
    let mut shown = groups[..count].to_vec();
    for group in &mut shown {
        group.children = group.children.filter(|[_, last]| *last < count);
    }
    Ok(shown)
}

/// Where each group is: its line lies between those of its parts.
fn places(groups: &[TreeGroup]) -> Vec<Place> {
    let mut places = vec![Place::default(); groups.len()];
    // A group comes before its parts in the list, so its depth is known before theirs.
    for (at, group) in groups.iter().enumerate() {
        for &child in group.children.iter().flatten() {
            places[child].depth = places[at].depth + 1;
        }
    }
    let mut line = 0;
    let mut waiting = Vec::new();
    let mut at = Some(0);
    while at.is_some() || !waiting.is_empty() {
        while let Some(group) = at {
            waiting.push(group);
            at = groups[group].children.map(|[first, _]| first);
        }
        if let Some(group) = waiting.pop() {
            places[group].line = line;
            line += 1;
            at = groups[group].children.map(|[_, second]| second);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(children: Option<[usize; 2]>, size: usize) -> TreeGroup {
        let name = if children.is_none() {
            size.to_string()
        } else {
            String::new()
        };
        TreeGroup {
            children,
            name,
            words: "some words & others".to_owned(),
            size,
        }
    }

    fn figure(groups: &[TreeGroup]) -> Result<Figure, ReportError> {
        let title = "A tree";
        let (note, things) = ("", "rows");
        tree(&TreeFigure {
            title,
            note,
            things,
            groups,
        })
    }

    #[test]
    fn a_group_lies_between_its_parts() {
        let groups = [
            group(Some([1, 2]), 10),
            group(None, 4),
            group(Some([3, 4]), 6),
            group(None, 5),
            group(None, 1),
        ];
        let lines: Vec<usize> = places(&groups).iter().map(|place| place.line).collect();
        assert_eq!(lines, [1, 0, 3, 2, 4]);
        let depths: Vec<usize> = places(&groups).iter().map(|place| place.depth).collect();
        assert_eq!(depths, [0, 1, 1, 2, 2]);
        let drawn = figure(&groups).unwrap();
        assert_eq!(drawn.svg().matches("<circle").count(), 5);
        assert_eq!(drawn.svg().matches("some words &amp; others").count(), 5);
        assert!(drawn.to_png().unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn one_group_and_very_many_are_drawn() {
        figure(&[group(None, 0)]).unwrap();
        // A chain: every split parts one thing from the others.
        let splits = 2 * TREE_LEAVES;
        let mut groups = vec![group(Some([1, 2]), splits + 1)];
        for split in 1..=splits {
            groups.push(group(None, 1));
            let next = 2 * split + 1;
            let children = (split < splits).then_some([next, next + 1]);
            groups.push(group(children, splits + 1 - split));
        }
        let drawn = figure(&groups).unwrap();
        assert_eq!(drawn.svg().matches("<circle").count(), 2 * TREE_LEAVES - 1);
        assert!(drawn.svg().contains("is shown"));
        assert!(drawn.width() < 1300.0, "{}", drawn.width());
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert!(figure(&[]).is_err());
        for children in [[0, 1], [1, 1], [2, 1], [1, 3]] {
            let groups = [group(Some(children), 3), group(None, 1), group(None, 2)];
            assert!(figure(&groups).is_err(), "{children:?}");
        }
        assert!(figure(&[group(Some([1, 2]), 3), group(None, 3)]).is_err());
    }
}
