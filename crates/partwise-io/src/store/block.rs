//! A block of rows in bytes.
//!
//! Sparse: how many entries each row has; of each entry how many columns lie between it and the one before in its row; the
//! values. Dense: the values alone. Counts and gaps are LEB128: seven bits a byte, so that most gaps of most matrices take one.
//! Values take the shortest of the types below in which every one of the block is exactly what it was: counts take a byte, or
//! little more where some are large. All of it may be a Zstandard frame.

use crate::real::Real;
use std::cell::Cell;
use std::io::ErrorKind;

use zstd::zstd_safe;

/// Set in the code of a block that is compressed.
const COMPRESSED: u8 = 0x80;
/// No Zstandard frame is further from its length than this: 128 KiB of one byte take four.
const MOST_COMPRESSION: u64 = 1 << 15;
/// Higher levels gain next to nothing on gaps and counts.
const LEVEL: i32 = 1;
/// A block is compressed where that makes it so many times as short: to decompress one takes longer than to read as many bytes.
const WORTHWHILE: usize = 2;

/// Numbers that are looked at together.
const EIGHT: usize = 8;

/// How a value lies in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    U8 = 0,
    U16 = 1,
    U32 = 2,
    F32 = 3,
    F64 = 4,
    /// Whole numbers below 2³² as counts and gaps are. Only of sparse blocks: nobody knows where in the block a value lies.
    Varint = 5,
}

impl Width {
    const ALL: [Self; 6] = [
        Self::U8,
        Self::U16,
        Self::U32,
        Self::F32,
        Self::F64,
        Self::Varint,
    ];

    /// Bytes of a value, at the least.
    fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::Varint => 1,
            Self::U16 => 2,
            Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Whether a value comes back bit by bit.
    fn holds(self, value: f64) -> bool {
        let back = match self {
            Self::U8 => f64::from(value as u8),
            Self::U16 => f64::from(value as u16),
            Self::U32 => f64::from(value as u32),
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
            Self::Varint => return Self::U32.holds(value),
        };
        back.to_bits() == value.to_bits()
    }

    /// The narrowest that holds all values.
    fn of<T: Real>(values: &[T]) -> Self {
        let mut width = Self::U8;
        for value in values {
            while !width.holds(value.to_f64()) {
                width = Self::ALL[width as usize + 1];
            }
        }
        width
    }

    /// The shortest for the values of a sparse block.
    fn of_sparse<T: Real>(values: &[T]) -> Self {
        let width = Self::of(values);
        let length = |value: &T| (value.to_f64() as u32 | 1).ilog2() as usize / 7 + 1;
        match width {
            Self::U16 | Self::U32
                if values.iter().map(length).sum::<usize>() < values.len() * width.bytes() =>
            {
                Self::Varint
            }
            _ => width,
        }
    }

    fn put<T: Real>(self, values: &[T], out: &mut Vec<u8>) {
        let values = values.iter().map(|value| value.to_f64());
        match self {
            Self::U8 => out.extend(values.map(|value| value as u8)),
            Self::U16 => values.for_each(|value| out.extend((value as u16).to_le_bytes())),
            Self::U32 => values.for_each(|value| out.extend((value as u32).to_le_bytes())),
            Self::F32 => values.for_each(|value| out.extend((value as f32).to_le_bytes())),
            Self::F64 => values.for_each(|value| out.extend(value.to_le_bytes())),
            Self::Varint => values.for_each(|value| put_number(value as u64, out)),
        }
    }

    /// Fills `out` with values off the front of `bytes`; `None` if these end before.
    fn take<T: Real>(self, bytes: &mut Bytes<'_>, out: &mut [T]) -> Option<()> {
        match self {
            Self::U8 => bytes.values(out, |value| {
                T::from_f64(f64::from(u8::from_le_bytes(value)))
            })?,
            Self::U16 => bytes.values(out, |value| {
                T::from_f64(f64::from(u16::from_le_bytes(value)))
            })?,
            Self::U32 => bytes.values(out, |value| {
                T::from_f64(f64::from(u32::from_le_bytes(value)))
            })?,
            Self::F32 => bytes.values(out, |value| T::from_f32(f32::from_le_bytes(value)))?,
            Self::F64 => bytes.values(out, |value| T::from_f64(f64::from_le_bytes(value)))?,
            // Above 32 bits there is none in what was written.
            Self::Varint => bytes.numbers(
                out,
                |value| T::from_f64(value as f64),
                |word, out| {
                    for (out, byte) in out.iter_mut().zip(word.to_le_bytes()) {
                        *out = T::from_f64(f64::from(byte));
                    }
                },
            )?,
        }
        Some(())
    }
}

/// A block in bytes, and what the index says of it.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) code: u8,
    /// Bytes before they were compressed.
    pub(super) raw: u64,
}

/// Packs rows: `lengths` and `indices` are those of sparse ones, else empty.
pub(super) fn pack<T: Real>(
    lengths: &[usize],
    indices: &[u32],
    values: &[T],
    compress: bool,
) -> std::io::Result<Packed> {
    let mut bytes = Vec::with_capacity(2 * values.len());
    for &length in lengths {
        put_number(length as u64, &mut bytes);
    }
    let mut from = 0;
    for &length in lengths {
        let mut next = 0;
        for &index in &indices[from..from + length] {
            put_number(u64::from(index) - next, &mut bytes);
            next = u64::from(index) + 1;
        }
        from += length;
    }
    let width = match lengths.is_empty() {
        true => Width::of(values),
        false => Width::of_sparse(values),
    };
    width.put(values, &mut bytes);
    let raw = bytes.len() as u64;
    if compress {
        let mut context = zstd_safe::CCtx::try_create().ok_or(ErrorKind::OutOfMemory)?;
        let mut compressed = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
        // All that can be amiss is memory.
        let made = context.compress(&mut compressed, &bytes, LEVEL);
        made.map_err(|_| ErrorKind::OutOfMemory)?;
        if compressed.len() <= bytes.len() / WORTHWHILE {
            return Ok(Packed {
                bytes: compressed,
                code: width as u8 | COMPRESSED,
                raw,
            });
        }
    }
    Ok(Packed {
        bytes,
        code: width as u8,
        raw,
    })
}

/// Whether the index may say so of a block: a code that is known, and sizes that go together.
pub(super) fn is_possible(
    code: u8,
    (bytes, raw): (u64, u64),
    rows: u64,
    stored: u64,
    sparse: bool,
) -> bool {
    let Some(width) = Width::ALL.get(usize::from(code & !COMPRESSED)) else {
        return false;
    };
    let Some(values) = stored.checked_mul(width.bytes() as u64) else {
        return false;
    };
    let packed = if code & COMPRESSED == 0 {
        bytes == raw
    } else {
        raw <= bytes.saturating_mul(MOST_COMPRESSION)
    };
    let fits = match (sparse, width) {
        // A count or a gap takes a byte at the least.
        (true, _) => {
            let least = values
                .checked_add(rows)
                .and_then(|sum| sum.checked_add(stored));
            // And a number ten bytes at the most.
            let most = stored.saturating_mul(2).saturating_add(rows);
            least.is_some_and(|least| least <= raw) && raw <= most.saturating_mul(10)
        }
        (false, Width::Varint) => false,
        (false, _) => values == raw,
    };
    packed && fits
}

/// The bytes as they were before they were compressed, into `out`. An error is of memory, or of what cannot be decompressed.
pub(super) fn decompress(
    code: u8,
    bytes: &mut Vec<u8>,
    raw: u64,
    out: &mut Vec<u8>,
) -> Result<(), ErrorKind> {
    if code & COMPRESSED == 0 {
        std::mem::swap(bytes, out);
        return Ok(());
    }
    out.clear();
    let room = usize::try_from(raw).map_err(|_| ErrorKind::OutOfMemory)?;
    out.try_reserve_exact(room)
        .map_err(|_| ErrorKind::OutOfMemory)?;
    let mut context = zstd_safe::DCtx::try_create().ok_or(ErrorKind::OutOfMemory)?;
    match context.decompress(out, bytes) {
        Ok(length) if length == room => Ok(()),
        _ => Err(ErrorKind::InvalidData),
    }
}

/// The values from entry `first` on of a dense block.
pub(super) fn dense_values<T: Real>(code: u8, raw: &[u8], first: usize, out: &mut [T]) {
    let width = Width::ALL[usize::from(code & !COMPRESSED)];
    let read = width.take(&mut Bytes(&raw[first * width.bytes()..]), out);
    read.expect("the index has been checked: a dense block has as many values as it says");
}

/// The entries of a sparse block, or what is wrong with it.
pub(super) fn sparse_entries<T: Real>(
    code: u8,
    raw: &[u8],
    (rows, cols, stored): (usize, usize, usize),
    out: &mut partwise::SparseRun<T>,
) -> Result<(), &'static str> {
    let width = Width::ALL[usize::from(code & !COMPRESSED)];
    let mut bytes = Bytes(raw);
    out.offsets.clear();
    out.offsets.push(0);
    let mut end = 0u64;
    for _ in 0..rows {
        end = end.saturating_add(bytes.number().ok_or("its counts end too early")?);
        out.offsets.push(usize::try_from(end).unwrap_or(usize::MAX));
    }
    if end != stored as u64 {
        return Err("its rows have another number of entries than the index says");
    }
    // All of them are written below.
    out.indices.resize(stored, 0);
    for row in out.offsets.windows(2) {
        let (next, mut large) = (Cell::new(0u64), 0);
        let indices = &mut out.indices[row[0]..row[1]];
        let read = bytes.numbers(
            indices,
            |gap| {
                large |= gap;
                let index = next.get().wrapping_add(gap);
                next.set(index.wrapping_add(1));
                index as u32
            },
            |gaps, indices| next.set(eight_columns(next.get(), gaps, indices)),
        );
        read.ok_or("its columns end too early")?;
        let next = next.get();
        // As many gaps as there may be entries do not wrap if none is larger than a column's number.
        if next > cols as u64 || large > u64::from(u32::MAX) {
            return Err("an entry lies behind the last column");
        }
    }
    out.values.resize(stored, T::default());
    match width.take(&mut bytes, &mut out.values) {
        Some(()) if bytes.0.is_empty() => Ok(()),
        _ => Err("it has another number of values than entries"),
    }
}

/// The columns of eight entries from `next` on, by their gaps of a byte each, all below 128; what comes next then.
#[inline]
fn eight_columns(next: u64, gaps: u64, columns: &mut [u32; EIGHT]) -> u64 {
    /// Every other byte, in a place of 16 bits, and 1 in each of these.
    const PLACES: u64 = 0x00ff_00ff_00ff_00ff;
    const ONES: u64 = 0x0001_0001_0001_0001;
    let (even, odd) = (gaps & PLACES, gaps >> 8 & PLACES);
    // In the place of each pair of gaps: the sum of all to its second, and to its first one.
    let second = (even + odd).wrapping_mul(ONES);
    let first = second - odd;
    let (pairs, _) = columns.as_chunks_mut::<2>();
    for (i, pair) in pairs.iter_mut().enumerate() {
        let of = |sums: u64| u32::from((sums >> (16 * i)) as u16);
        let before = (next as u32).wrapping_add(2 * i as u32);
        *pair = [
            before.wrapping_add(of(first)),
            before.wrapping_add(of(second) + 1),
        ];
    }
    next.wrapping_add((second >> 48) + EIGHT as u64)
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
pub(super) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes that are taken off the front.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Fills `out` with what is `made` of N bytes each; `None` if the bytes end before.
    #[inline]
    fn values<O, const N: usize>(
        &mut self,
        out: &mut [O],
        made: impl Fn([u8; N]) -> O,
    ) -> Option<()> {
        let (values, _) = self.take(out.len().checked_mul(N)?)?.as_chunks();
        for (out, &value) in out.iter_mut().zip(values) {
            *out = made(value);
        }
        Some(())
    }

    /// Fills `out` with what is made of as many numbers, by `one`, or by `eight` of a byte each; `None` if the bytes end before.
    #[inline]
    fn numbers<O>(
        &mut self,
        mut out: &mut [O],
        mut one: impl FnMut(u64) -> O,
        mut eight: impl FnMut(u64, &mut [O; EIGHT]),
    ) -> Option<()> {
        /// The bits that say that more bytes follow, of [`EIGHT`] bytes.
        const FOLLOWED: u64 = 0x8080_8080_8080_8080;
        while !out.is_empty() {
            // Most numbers take one byte.
            let count = match (self.0.first_chunk(), out.first_chunk_mut()) {
                (Some(&bytes), Some(out)) if u64::from_le_bytes(bytes) & FOLLOWED == 0 => {
                    eight(u64::from_le_bytes(bytes), out);
                    self.0 = &self.0[EIGHT..];
                    EIGHT
                }
                _ => {
                    out[0] = one(self.number()?);
                    1
                }
            };
            out = &mut out[count..];
        }
        Some(())
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let numbers = [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ];
        let mut bytes = Vec::new();
        numbers
            .iter()
            .for_each(|&number| put_number(number, &mut bytes));
        let mut reader = Bytes(&bytes);
        assert!(
            numbers
                .iter()
                .all(|&number| reader.number() == Some(number))
        );
        assert_eq!(reader.number(), None);
        // Cut off, and too long for 64 bits.
        assert_eq!(Bytes(&[0x80]).number(), None);
        assert_eq!(Bytes(&[0xff; 12]).number(), None);
    }

    #[test]
    fn rows_are_read_to_the_last_column_and_no_further() {
        // Rows that end within eight bytes of each other, the last one at the last column there is.
        let lengths = [3, 9, 0, 12];
        let last = u32::MAX - 12;
        let rows = [0..3, 5..14, 0..0, last..last + 12];
        let indices: Vec<u32> = rows.into_iter().flatten().collect();
        let values = vec![1.0; indices.len()];
        let packed = pack(&lengths, &indices, &values, false).unwrap();
        let mut out = partwise::SparseRun::<f32>::default();
        let mut read = |cols: usize, bytes: &[u8]| {
            let size = (lengths.len(), cols, indices.len());
            sparse_entries(packed.code, bytes, size, &mut out).map(|()| out.indices.clone())
        };
        let cols = u32::MAX as usize;
        assert_eq!(read(cols, &packed.bytes), Ok(indices.clone()));
        let beyond = Err("an entry lies behind the last column");
        assert_eq!(read(cols - 1, &packed.bytes), beyond);
        // A gap of 127 in the place of none leads beyond 32 bits.
        let mut bytes = packed.bytes.clone();
        let place = lengths.len() + 3 + 9 + 5 + 2;
        assert_eq!(bytes[place], 0);
        bytes[place] = 127;
        assert_eq!(read(cols, &bytes), beyond);
    }

    #[test]
    fn columns_of_any_gaps_come_back() {
        // Gaps of a byte in stretches of any length between wider ones.
        let gap = |i: u64| match i * 7919 % 23 {
            0 => 300,
            1 => 127,
            2 if i > 900 => 20_000_000,
            more => more * (i % 7),
        };
        for count in [0, 1, 7, 8, 9, 16, 100, 1000] {
            let mut next = 0;
            let indices: Vec<u32> = (0..count)
                .map(|i| {
                    let index = next + gap(i);
                    next = index + 1;
                    u32::try_from(index).unwrap()
                })
                .collect();
            let values = vec![1.0; indices.len()];
            let packed = pack(&[indices.len()], &indices, &values, false).unwrap();
            let mut out = partwise::SparseRun::<f64>::default();
            let size = (1, next as usize, indices.len());
            sparse_entries(packed.code, &packed.bytes, size, &mut out).unwrap();
            assert_eq!(out.indices, indices);
            let narrow = (1, (next as usize).saturating_sub(1), indices.len());
            let found = sparse_entries(packed.code, &packed.bytes, narrow, &mut out);
            assert_eq!(found.is_err(), count > 0);
        }
    }

    #[test]
    fn values_take_the_narrowest_type_that_holds_them() {
        let wide = |values: &[f64]| Width::of(values);
        assert_eq!(wide(&[]), Width::U8);
        assert_eq!(wide(&[0.0, 255.0]), Width::U8);
        assert_eq!(wide(&[0.0, 256.0]), Width::U16);
        assert_eq!(wide(&[1.0, 65_536.0]), Width::U32);
        assert_eq!(wide(&[0.5, 4_294_967_295.0]), Width::F64);
        assert_eq!(wide(&[0.5, 3.0]), Width::F32);
        assert_eq!(wide(&[-0.0]), Width::F32);
        assert_eq!(wide(&[-1.0, f64::INFINITY]), Width::F32);
        assert_eq!(wide(&[0.1]), Width::F64);
        assert_eq!(wide(&[1e300]), Width::F64);
        for value in [
            0.0,
            -0.0,
            7.0,
            300.0,
            1e9,
            0.25,
            0.1,
            f64::MIN_POSITIVE,
            f64::NAN,
        ] {
            let width = Width::of(&[value]);
            let (mut bytes, mut out) = (Vec::new(), [1.0f64]);
            width.put(&[value], &mut bytes);
            width.take(&mut Bytes(&bytes), &mut out).unwrap();
            assert_eq!(out[0].to_bits(), value.to_bits(), "{value}");
        }
    }

    #[test]
    fn some_large_counts_do_not_widen_the_others() {
        let counts = |large: usize| -> Vec<f64> {
            let value = |i: usize| if i < large { 70_000.0 } else { (i % 3) as f64 };
            (0..100).map(value).collect()
        };
        for (large, width, length) in [
            (0, Width::U8, 100),
            (1, Width::Varint, 102),
            (99, Width::Varint, 298),
            (100, Width::Varint, 300),
        ] {
            let values = counts(large);
            assert_eq!(Width::of_sparse(&values), width, "{large}");
            let mut bytes = Vec::new();
            width.put(&values, &mut bytes);
            assert_eq!(bytes.len(), length, "{large}");
            let mut out = vec![0.0; 100];
            let mut reader = Bytes(&bytes);
            width.take(&mut reader, &mut out).unwrap();
            assert_eq!(out, values);
            assert!(reader.0.is_empty());
            let torn = &bytes[..bytes.len() - 1];
            assert_eq!(width.take(&mut Bytes(torn), &mut out), None);
        }
        // Where all are large, four bytes are less than five.
        assert_eq!(Width::of_sparse(&[4e9, 4e9, 1e9]), Width::U32);
        assert_eq!(Width::of_sparse(&[300.0, 0.5]), Width::F32);
    }
}
