//! A sparse V in memory by tiles of rows, each with a twin of its own that gives its columns.
//!
//! What the rows of a tile say of the other factor is gathered while these rows of W are still in cache, in place of a gather over
//! whole columns, whose rows of W lie all over memory. Twins are made once and kept; where memory is worth more than time there
//! are none, or they are made anew on each walk for who cannot do without. The bits are those of whole columns (see [`super::Across`]), so that tiles have no say in them.

use std::sync::OnceLock;

use super::{Compressed, Lines, SPARSE_BLOCK, Twin, Twins};
use crate::Float;
use crate::threads::Threads;

/// How large tiles are: entries at least, and entries for each column, whose sums come and go with each tile.
#[derive(Clone, Copy)]
struct Size {
    entries: usize,
    in_column: usize,
}

/// Below twice this the rows of W stay in cache without tiles.
const KEPT: Size = Size {
    entries: 1 << 21,
    in_column: 16,
};
/// Small, since their twins are the memory that a walk takes.
const PASSING: Size = Size {
    entries: 1 << 18,
    in_column: 4,
};
/// Of whole numbers, whose values are turned into floating point tile by tile: three such tiles are in memory at once.
const WIDENED: Size = Size {
    entries: 1 << 19,
    in_column: 8,
};
/// Twins made at once at most where they are not kept.
const AT_ONCE: usize = 4;

/// The runs of a matrix of whole numbers.
pub(super) fn widened<N>(lines: &Compressed<'_, N>) -> Vec<(usize, usize)> {
    cut(lines, WIDENED)
}

/// The first row of each tile, and the row behind its last one.
fn cut<T>(lines: &Compressed<'_, T>, size: Size) -> Vec<(usize, usize)> {
    let columns = size.in_column.saturating_mul(lines.minor());
    cut_at(lines, size.entries.max(columns))
}

/// Tiles of whole blocks with at least so many entries, but for the last.
fn cut_at<T>(lines: &Compressed<'_, T>, enough: usize) -> Vec<(usize, usize)> {
    let count = lines.major();
    let mut tiles = Vec::new();
    if count == 0 {
        return tiles;
    }
    let mut from = 0;
    for to in (SPARSE_BLOCK..count).step_by(SPARSE_BLOCK).chain([count]) {
        let entries = lines.span(to - 1).1 - lines.span(from).0;
        if to == count || entries >= enough {
            tiles.push((from, to));
            from = to;
        }
    }
    tiles
}

/// The twins of all tiles, once they have been asked for.
#[derive(Debug)]
pub(crate) struct Tiles<T>(OnceLock<Vec<Twin<T>>>);

impl<T: Float> Tiles<T> {
    /// Room for the twins, or `None` where one tile is all there is.
    pub(crate) fn of(lines: &Compressed<'_, T>) -> Option<Self> {
        (cut(lines, KEPT).len() > 1).then(Self::none_yet)
    }

    /// Room for the twins of however many tiles.
    pub(crate) fn none_yet() -> Self {
        Self(OnceLock::new())
    }

    /// Bytes of the twins.
    pub(crate) fn bytes(lines: &Compressed<'_, T>) -> u64 {
        let offsets = cut(lines, KEPT).len() as u64 * lines.minor() as u64;
        lines.stored() as u64 * entry_bytes::<T>() + offsets * size_of::<usize>() as u64
    }

    fn twins(&self, lines: &Compressed<'_, T>, threads: &Threads) -> &[Twin<T>] {
        self.0.get_or_init(|| {
            let tiles = cut(lines, KEPT);
            let made = |index: usize| Twin::of(&lines.line_range(tiles[index].0, tiles[index].1));
            threads.map(tiles.len(), made)
        })
    }
}

/// Bytes of an entry of a twin.
fn entry_bytes<T>() -> u64 {
    (size_of::<T>() + size_of::<u32>()) as u64
}

/// Bytes of the twins that are there at once where they are not kept.
pub(super) fn passing_bytes<T: Float>(lines: &Compressed<'_, T>) -> u64 {
    let columns = 2 * size_of::<usize>() as u64 * lines.minor() as u64;
    let tiles = cut(lines, PASSING);
    let entries = tiles
        .iter()
        .map(|&(from, to)| lines.span(to - 1).1 - lines.span(from).0);
    let largest = entries.max().unwrap_or(0) as u64;
    (largest * entry_bytes::<T>() + columns).saturating_mul(tiles.len().min(AT_ONCE) as u64)
}

/// Hands over all tiles in order, with the number of the first row, and with the `twins` that are wanted.
pub(super) fn walk<T: Float>(
    lines: &Compressed<'_, T>,
    kept: Option<&Tiles<T>>,
    twins: Twins<'_>,
    mut visit: impl FnMut(usize, Lines<'_, T>, Option<&Twin<T>>),
) {
    let tiles = cut(lines, if kept.is_some() { KEPT } else { PASSING });
    let view = |(from, to): (usize, usize)| lines.line_range(from, to);
    match (twins, kept) {
        (Twins::None, _) | (Twins::Kept(_), None) => {
            for &tile in &tiles {
                visit(tile.0, Lines::Sparse(view(tile)), None);
            }
        }
        (Twins::Kept(threads) | Twins::All(threads), Some(kept)) => {
            for (&tile, twin) in tiles.iter().zip(kept.twins(lines, threads)) {
                visit(tile.0, Lines::Sparse(view(tile)), Some(twin));
            }
        }
        (Twins::All(threads), None) => {
            for tiles in tiles.chunks(threads.count().min(AT_ONCE)) {
                let twins = threads.map(tiles.len(), |index| Twin::of(&view(tiles[index])));
                for (&tile, twin) in tiles.iter().zip(&twins) {
                    visit(tile.0, Lines::Sparse(view(tile)), Some(twin));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_whole_blocks_that_have_enough() {
        // A row of 3 entries, then one of none, and so on; the last block is short.
        let rows = 5 * SPARSE_BLOCK + 7;
        let mut offsets = vec![0usize];
        for i in 0..rows {
            offsets.push(offsets[i] + if i % 2 == 0 { 3 } else { 0 });
        }
        let stored = offsets[rows];
        let indices: Vec<u32> = (0..stored as u32).map(|entry| entry % 3).collect();
        let values = vec![1.0; stored];
        let lines = Compressed::new("V", rows, 3, &offsets, &indices, &values).unwrap();
        let in_block = 3 * SPARSE_BLOCK / 2;
        let blocks = |from: usize, to: usize| (from * SPARSE_BLOCK, (to * SPARSE_BLOCK).min(rows));
        for (enough, expected) in [
            (
                1,
                vec![
                    blocks(0, 1),
                    blocks(1, 2),
                    blocks(2, 3),
                    blocks(3, 4),
                    blocks(4, 5),
                    blocks(5, 6),
                ],
            ),
            (in_block + 1, vec![blocks(0, 2), blocks(2, 4), blocks(4, 6)]),
            (5 * in_block, vec![blocks(0, 5), blocks(5, 6)]),
            (usize::MAX, vec![(0, rows)]),
        ] {
            assert_eq!(cut_at(&lines, enough), expected, "{enough}");
        }
        let empty = Compressed::<f64>::new("V", 0, 3, &[0usize][..], &[] as &[u32], &[]).unwrap();
        assert!(Tiles::of(&lines).is_none());
        walk(&empty, None, Twins::None, |_, _, _| ());
    }
}
