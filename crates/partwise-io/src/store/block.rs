//! A block of rows in bytes.
//!
//! Sparse: how many entries each row has; of each entry how many columns lie between it and the one before in its row; the
//! values. Dense: the values alone. Counts and gaps are LEB128: seven bits a byte, so that most gaps of most matrices take one.
//! Values take the narrowest of the types below in which every one of the block is exactly what it was: counts take a byte.
//! All of it may be deflated.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::real::Real;

/// Set in the code of a block that is deflated.
const DEFLATED: u8 = 0x80;
/// No deflated data are further from their length than this.
const MOST_COMPRESSION: u64 = 1040;
/// The fastest: higher levels of deflate gain a few percent on gaps and counts.
const LEVEL: u32 = 1;

/// How a value lies in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    U8 = 0,
    U16 = 1,
    U32 = 2,
    F32 = 3,
    F64 = 4,
}

impl Width {
    const ALL: [Self; 5] = [Self::U8, Self::U16, Self::U32, Self::F32, Self::F64];

    fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
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

    fn put<T: Real>(self, values: &[T], out: &mut Vec<u8>) {
        let values = values.iter().map(|value| value.to_f64());
        match self {
            Self::U8 => out.extend(values.map(|value| value as u8)),
            Self::U16 => values.for_each(|value| out.extend((value as u16).to_le_bytes())),
            Self::U32 => values.for_each(|value| out.extend((value as u32).to_le_bytes())),
            Self::F32 => values.for_each(|value| out.extend((value as f32).to_le_bytes())),
            Self::F64 => values.for_each(|value| out.extend(value.to_le_bytes())),
        }
    }

    /// Fills `out` with as many values, of which `bytes` has as many.
    fn get<T: Real>(self, bytes: &[u8], out: &mut [T]) {
        macro_rules! each {
            ($type:ty, $convert:expr) => {
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(size_of::<$type>())) {
                    let mut array = [0; size_of::<$type>()];
                    array.copy_from_slice(bytes);
                    *out = $convert(<$type>::from_le_bytes(array));
                }
            };
        }
        match self {
            Self::U8 => each!(u8, |value| T::from_f64(f64::from(value))),
            Self::U16 => each!(u16, |value| T::from_f64(f64::from(value))),
            Self::U32 => each!(u32, |value| T::from_f64(f64::from(value))),
            Self::F32 => each!(f32, T::from_f32),
            Self::F64 => each!(f64, T::from_f64),
        }
    }
}

/// A block in bytes, and what the index says of it.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) code: u8,
    /// Bytes before they were deflated.
    pub(super) raw: u64,
}

/// Packs rows: `lengths` and `indices` are those of sparse ones, else empty.
pub(super) fn pack<T: Real>(
    lengths: &[usize],
    indices: &[u32],
    values: &[T],
    deflate: bool,
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
    let width = Width::of(values);
    width.put(values, &mut bytes);
    let raw = bytes.len() as u64;
    if deflate {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(LEVEL));
        encoder.write_all(&bytes)?;
        let deflated = encoder.finish()?;
        if deflated.len() < bytes.len() {
            return Ok(Packed {
                bytes: deflated,
                code: width as u8 | DEFLATED,
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
    let Some(width) = Width::ALL.get(usize::from(code & !DEFLATED)) else {
        return false;
    };
    let Some(values) = stored.checked_mul(width.bytes() as u64) else {
        return false;
    };
    let packed = if code & DEFLATED == 0 {
        bytes == raw
    } else {
        raw <= bytes.saturating_mul(MOST_COMPRESSION)
    };
    // A count or a gap takes a byte at the least.
    let least = if sparse {
        values
            .checked_add(rows)
            .and_then(|sum| sum.checked_add(stored))
    } else {
        Some(values)
    };
    packed && least.is_some_and(|least| if sparse { least <= raw } else { least == raw })
}

/// The bytes as they were before they were deflated, into `out`.
pub(super) fn inflate(code: u8, bytes: &mut Vec<u8>, raw: u64, out: &mut Vec<u8>) -> Option<()> {
    if code & DEFLATED == 0 {
        std::mem::swap(bytes, out);
        return Some(());
    }
    out.clear();
    let mut decoder = DeflateDecoder::new(&bytes[..]).take(raw + 1);
    decoder.read_to_end(out).ok()?;
    (out.len() as u64 == raw).then_some(())
}

/// The values from entry `first` on of a dense block.
pub(super) fn dense_values<T: Real>(code: u8, raw: &[u8], first: usize, out: &mut [T]) {
    let width = Width::ALL[usize::from(code & !DEFLATED)];
    width.get(&raw[first * width.bytes()..], out);
}

/// The entries of a sparse block, or what is wrong with it.
pub(super) fn sparse_entries<T: Real>(
    code: u8,
    raw: &[u8],
    (rows, cols, stored): (usize, usize, usize),
    out: &mut partwise::SparseRun<T>,
) -> Result<(), &'static str> {
    let width = Width::ALL[usize::from(code & !DEFLATED)];
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
    out.indices.clear();
    out.indices.reserve(stored);
    for row in out.offsets.windows(2) {
        let mut next = 0u64;
        for _ in row[0]..row[1] {
            let gap = bytes.number().ok_or("its columns end too early")?;
            let index = next.saturating_add(gap);
            if index >= cols as u64 {
                return Err("an entry lies behind the last column");
            }
            out.indices.push(index as u32);
            next = index + 1;
        }
    }
    if bytes.0.len() != stored * width.bytes() {
        return Err("it has another number of values than entries");
    }
    out.values.clear();
    out.values.resize(stored, T::default());
    width.get(bytes.0, &mut out.values);
    Ok(())
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
            width.get(&bytes, &mut out);
            assert_eq!(out[0].to_bits(), value.to_bits(), "{value}");
        }
    }
}
