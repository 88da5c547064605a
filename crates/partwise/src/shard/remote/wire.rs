//! Values as bytes, little-endian, each read back to the same bits.
//!
//! A message is a header (who wrote it, and for which number type) and a body. Bytes come from other machines, so
//! reading checks every length before it takes room for it.

use std::sync::Arc;

use crate::Error;
use crate::Float;
use crate::archive::shown;
use crate::init::{Column, Half, Halved, Spread};
use crate::loss::Weights;
use crate::matrix::{Dense, Summary};
use crate::pass::{Block, Fixed, Parts, Step, Sums, Terms};
use crate::shard::Stats;
use crate::shard::piece::Rows;

/// What both sides of a conversation must share.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The error for bytes that are no message of this program.
pub(super) fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed {
        what: "message between partitions",
        reason: reason.into(),
    }
}

/// Refuses another number than there must be.
pub(super) fn same(what: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(malformed(format!(
        "{found} {what}, where {expected} are expected"
    )))
}

/// A value that can be sent.
pub trait Wire: Sized {
    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);
    /// Takes the value off the front.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the bytes do not hold one.
    fn read(from: &mut Reader<'_>) -> Result<Self, Error>;

    /// Appends many values.
    fn write_all(values: &[Self], out: &mut Vec<u8>) {
        values.iter().for_each(|x| x.write(out));
    }

    /// Takes so many values off the front.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn read_all(count: usize, from: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
        if count > from.0.len() {
            return Err(malformed(format!("{count} values in too few bytes")));
        }
        (0..count).map(|_| Self::read(from)).collect()
    }
}

/// What is left of a message.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        if length > self.0.len() {
            let left = self.0.len();
            return Err(malformed(format!(
                "{left} bytes left where {length} are needed"
            )));
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }
}

/// The header of a message of this version, for a number type or for any (`""`).
pub(super) fn header(number: &str) -> Vec<u8> {
    let mut out = Vec::new();
    VERSION.to_owned().write(&mut out);
    number.to_owned().write(&mut out);
    out
}

/// A message.
pub(super) fn message(number: &str, body: &impl Wire) -> Vec<u8> {
    let mut out = header(number);
    body.write(&mut out);
    out
}

/// Takes the header off a message: what is left, and the number type.
pub(super) fn open(bytes: &[u8]) -> Result<(Reader<'_>, String), Error> {
    let mut reader = Reader(bytes);
    let version = String::read(&mut reader)?;
    if version != VERSION {
        return Err(malformed(format!(
            "it comes from partwise {}, and this is partwise {VERSION}; every process needs the same version",
            shown(&version)
        )));
    }
    let number = String::read(&mut reader)?;
    Ok((reader, number))
}

/// The body of a message for a number type.
pub(super) fn body<T: Float, B: Wire>(bytes: &[u8]) -> Result<B, Error> {
    let (mut reader, number) = open(bytes)?;
    if !number.is_empty() && number != T::NAME {
        return Err(malformed(format!(
            "it is about {}, and this partition holds {}",
            shown(&number),
            T::NAME
        )));
    }
    let body = B::read(&mut reader)?;
    if reader.0.is_empty() {
        Ok(body)
    } else {
        Err(malformed(format!("{} bytes too many", reader.0.len())))
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(impl Wire for $type {
        fn write(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.to_le_bytes());
        }
        fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
            let bytes = from.take(size_of::<Self>())?;
            Ok(Self::from_le_bytes(bytes.try_into().expect("as many bytes as asked for")))
        }
        // Factors and statistics are most of what is sent: a copy, and not a loop over checks.
        fn write_all(values: &[Self], out: &mut Vec<u8>) {
            let from = out.len();
            out.resize(from + size_of_val(values), 0);
            let places = out[from..].chunks_exact_mut(size_of::<Self>());
            for (place, x) in places.zip(values) {
                place.copy_from_slice(&x.to_le_bytes());
            }
        }
        fn read_all(count: usize, from: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
            let length = count.checked_mul(size_of::<Self>());
            let bytes = from.take(length.unwrap_or(usize::MAX))?.chunks_exact(size_of::<Self>());
            let value = |bytes: &[u8]| bytes.try_into().expect("as many bytes as asked for");
            Ok(bytes.map(|bytes| Self::from_le_bytes(value(bytes))).collect())
        }
    })*};
}
numbers!(u8, u64, f32, f64);

impl Wire for usize {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u64).write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let value = u64::read(from)?;
        Self::try_from(value).map_err(|_| malformed(format!("the count {value} is too large")))
    }
}

impl Wire for bool {
    fn write(&self, out: &mut Vec<u8>) {
        u8::from(*self).write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(u8::read(from)? != 0)
    }
}

impl<X: Wire> Wire for Vec<X> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        X::write_all(self, out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let count = usize::read(from)?;
        X::read_all(count, from)
    }
}

impl<X: Wire> Wire for Option<X> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(x) = self {
            x.write(out);
        }
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        bool::read(from)?.then(|| X::read(from)).transpose()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl<X: Wire + Copy + Default, const N: usize> Wire for [X; N] {
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|x| x.write(out));
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let mut all = [X::default(); N];
        for x in &mut all {
            *x = X::read(from)?;
        }
        Ok(all)
    }
}

impl Wire for Half {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u8).write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let tag = u8::read(from)?;
        let mut all = [Self::Both, Self::Positive, Self::Negative].into_iter();
        all.find(|half| *half as u8 == tag)
            .ok_or_else(|| malformed(format!("no part of a vector has the number {tag}")))
    }
}

impl Wire for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let length = usize::read(from)?;
        let text = std::str::from_utf8(from.take(length)?);
        text.map(str::to_owned)
            .map_err(|_| malformed("a name that is no text"))
    }
}

impl<X: Wire + Clone> Wire for Arc<[X]> {
    fn write(&self, out: &mut Vec<u8>) {
        self.to_vec().write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Vec::<X>::read(from).map(Into::into)
    }
}

/// Sends the fields of a struct one after another.
macro_rules! wire {
    ($type:ty { $($field:ident),* $(,)? } $(where $number:ident)?) => {
        impl$(<$number: $crate::Float>)? $crate::shard::remote::wire::Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::shard::remote::wire::Wire::write(&self.$field, out);)*
            }
            fn read(
                from: &mut $crate::shard::remote::wire::Reader<'_>,
            ) -> Result<Self, $crate::Error> {
                Ok(Self { $($field: $crate::shard::remote::wire::Wire::read(from)?,)* })
            }
        }
    };
}
pub(super) use wire;

wire!(Weights { l1, l2 });
wire!(Terms {
    penalty,
    shares,
    prices,
    sweeps,
    movable
});
wire!(Sums { gram, columns });
wire!(Parts<T> { numerator, denominator } where T);
wire!(Block {
    violation,
    magnitude,
    inner,
    sums
});
wire!(Step<T> { rows, blocks } where T);
wire!(Stats<T> { parts, step, sums, violation, magnitude, inner } where T);
wire!(Spread { squares, most });
wire!(Column { half, share, norm });
wire!(Halved {
    columns,
    threshold,
    fill,
    drawn
});
wire!(Summary {
    sum,
    squares,
    largest,
    counted,
    nonzeros,
    weight,
    smallest,
    zero,
    order,
    terms
});

impl<T: Float> Wire for Dense<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.rows(), self.cols()).write(out);
        T::write_all(self.as_slice(), out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let (rows, cols) = <(usize, usize)>::read(from)?;
        let count = rows.checked_mul(cols);
        let count =
            count.ok_or_else(|| malformed(format!("{rows} × {cols} values in too few bytes")))?;
        Self::from_rows(T::read_all(count, from)?, rows, cols)
    }
}

impl<T: Float> Wire for Fixed<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.rows.write(out);
        self.sums.write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let (rows, sums) = (Dense::read(from)?, Sums::read(from)?);
        if !sums.fits(rows.cols()) {
            return Err(malformed("a factor with the sums of another"));
        }
        Ok(Self { rows, sums })
    }
}

impl<T: Float> Wire for Rows<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.now.write(out);
        self.kept.write(out);
        self.previous.write(out);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let now = Dense::read(from)?;
        let (kept, previous) = <(Option<Dense<T>>, Option<Dense<T>>)>::read(from)?;
        let shape = |rows: &Dense<T>| (rows.rows(), rows.cols());
        let beside = [&kept, &previous].into_iter().flatten();
        if beside.into_iter().any(|rows| shape(rows) != shape(&now)) {
            return Err(malformed("rows beside those of another shape"));
        }
        Ok(Self {
            now,
            kept,
            previous,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_to_the_bit() {
        let dense = Dense::from_rows(vec![0.1f32, f32::MIN_POSITIVE, 3.0, 1e30], 2, 2).unwrap();
        let value = (
            (7usize, Some(vec![0.1f64, -0.0])),
            (dense, "näme".to_owned()),
        );
        fn there_and_back<V: Wire + PartialEq + std::fmt::Debug>(value: &V) {
            let bytes = message(f32::NAME, value);
            assert_eq!(&body::<f32, V>(&bytes).unwrap(), value);
        }
        there_and_back(&value);
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let bytes = message(f64::NAME, &vec![1.0f64, 2.0]);
        for length in 0..bytes.len() {
            assert!(body::<f64, Vec<f64>>(&bytes[..length]).is_err(), "{length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(body::<f64, Vec<f64>>(&longer).is_err());
        assert!(
            body::<f32, Vec<f64>>(&bytes)
                .unwrap_err()
                .to_string()
                .contains("float64")
        );
        // A count that no memory could hold.
        let mut huge = message("", &u64::MAX);
        assert!(body::<f64, Vec<f64>>(&huge).is_err());
        huge[8] ^= 1;
        let refused = body::<f64, Vec<f64>>(&huge).unwrap_err().to_string();
        assert!(refused.contains("same version"), "{refused}");
    }
}
