//! The entries of an array: converted block by block from whatever type they have.

use std::io::Read;

use half::f16;

use super::{Header, Kind};
use crate::error::Error;
use crate::memory::{Budget, Chunks};
use crate::real::Real;
use crate::source::{fill, read_error};

/// Bytes converted at a time.
const BLOCK_BYTES: usize = 1 << 16;

impl Header {
    /// Hands over the entries' bytes, block by block; an error if they end early.
    fn for_each_block(
        &self,
        file: &str,
        reader: &mut impl Read,
        count: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let expected = count.saturating_mul(self.entry.size as u64);
        let block = (BLOCK_BYTES / self.entry.size.max(1)).max(1) * self.entry.size;
        let mut buffer = vec![0; block];
        let mut done = 0;
        while done < expected {
            let want = (expected - done).min(block as u64) as usize;
            let found =
                fill(reader, &mut buffer[..want]).map_err(|source| read_error(file, source))?;
            done += found as u64;
            if found < want {
                return Err(Error::Truncated {
                    file: file.to_owned(),
                    expected: expected + self.header_bytes,
                    found: done + self.header_bytes,
                });
            }
            sink(&buffer[..want])?;
        }
        Ok(())
    }

    /// Reads `count` real numbers. `sure` says that so many are really there, so that memory may be taken at once.
    pub(crate) fn read_reals<T: Real>(
        &self,
        budget: &Budget,
        reader: &mut impl Read,
        count: u64,
        sure: bool,
    ) -> Result<Vec<T>, Error> {
        let decode = self.real_decoder::<T>(&budget.file)?;
        budget.check(count.saturating_mul(size_of::<T>() as u64))?;
        let mut values = Chunks::new(budget, sure.then_some(count))?;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        self.for_each_block(&budget.file, reader, count, |bytes| {
            block.clear();
            decode(bytes, &mut block);
            values.extend_from_slice(&block)
        })?;
        values.finish()
    }

    /// Reads `count` integers, handing them over block by block.
    pub(crate) fn read_integers(
        &self,
        file: &str,
        reader: &mut impl Read,
        count: u64,
        mut sink: impl FnMut(&[i64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let big = self.entry.big_endian;
        macro_rules! integers {
            ($source:ty) => {
                |bytes: &[u8], out: &mut Vec<i64>| {
                    decode::<$source, _>(bytes, big, out, |value| value as i64)
                }
            };
        }
        let decode: &dyn Fn(&[u8], &mut Vec<i64>) = match (self.entry.kind, self.entry.size) {
            (Kind::Signed, 1) => &integers!(i8),
            (Kind::Signed, 2) => &integers!(i16),
            (Kind::Signed, 4) => &integers!(i32),
            (Kind::Signed, 8) => &integers!(i64),
            (Kind::Unsigned, 1) => &integers!(u8),
            (Kind::Unsigned, 2) => &integers!(u16),
            (Kind::Unsigned, 4) => &integers!(u32),
            // Beyond the range of i64 it turns negative and is refused as an index.
            (Kind::Unsigned, 8) => &integers!(u64),
            _ => {
                return Err(Error::Malformed {
                    file: file.to_owned(),
                    problem: format!("holds {}; expected integers", self.entry.name()),
                });
            }
        };
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        self.for_each_block(file, reader, count, |bytes| {
            block.clear();
            decode(bytes, &mut block);
            sink(&block)
        })
    }

    /// Reads `count` texts of fixed length, without the zeros that fill them up.
    pub(crate) fn read_texts(
        &self,
        budget: &Budget,
        reader: &mut impl Read,
        count: u64,
    ) -> Result<Vec<String>, Error> {
        if !self.entry.is_text() {
            return Err(Error::Malformed {
                file: budget.file.clone(),
                problem: format!("holds {}; expected text", self.entry.name()),
            });
        }
        let each = (size_of::<String>() + self.entry.size) as u64;
        budget.check(count.saturating_mul(each))?;
        let mut texts = budget.take::<String>(count)?;
        if self.entry.size == 0 {
            texts.resize(count as usize, String::new());
            return Ok(texts);
        }
        let (kind, size, big) = (self.entry.kind, self.entry.size, self.entry.big_endian);
        self.for_each_block(&budget.file, reader, count, |bytes| {
            for entry in bytes.chunks_exact(size) {
                let text: String = match kind {
                    Kind::Unicode => {
                        let mut codes = Vec::new();
                        decode::<u32, _>(entry, big, &mut codes, |code| code);
                        codes
                            .into_iter()
                            .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
                            .collect()
                    }
                    _ => String::from_utf8_lossy(entry).into_owned(),
                };
                texts.push(text.trim_end_matches('\0').to_owned());
            }
            Ok(())
        })?;
        Ok(texts)
    }

    /// Refuses entries that are no real numbers.
    pub(crate) fn check_real(&self, file: &str) -> Result<(), Error> {
        self.real_decoder::<f64>(file).map(|_| ())
    }

    /// Whether the entries are numbers of this type as they lie in the file.
    pub(crate) fn is_native<T: Real>(&self) -> bool {
        let entry = self.entry;
        entry.kind == Kind::Float
            && entry.size == size_of::<T>()
            && entry.big_endian == cfg!(target_endian = "big")
    }

    /// Fills `out` with real numbers, converted block by block.
    pub(crate) fn convert<T: Real>(
        &self,
        file: &str,
        reader: &mut impl Read,
        out: &mut [T],
    ) -> Result<(), Error> {
        let decode = self.real_decoder::<T>(file)?;
        let (mut done, mut block) = (0, Vec::new());
        self.for_each_block(file, reader, out.len() as u64, |bytes| {
            block.clear();
            decode(bytes, &mut block);
            out[done..done + block.len()].copy_from_slice(&block);
            done += block.len();
            Ok(())
        })
    }

    fn real_decoder<T: Real>(&self, file: &str) -> Result<Box<Decoder<T>>, Error> {
        let big = self.entry.big_endian;
        macro_rules! reals {
            ($source:ty, $convert:expr) => {
                Box::new(move |bytes: &[u8], out: &mut Vec<T>| {
                    decode::<$source, T>(bytes, big, out, $convert)
                })
            };
        }
        Ok(match (self.entry.kind, self.entry.size) {
            (Kind::Bool, 1) => reals!(u8, |value| T::from_f64(f64::from(u8::from(value != 0)))),
            (Kind::Signed, 1) => reals!(i8, |value| T::from_f64(value.into())),
            (Kind::Signed, 2) => reals!(i16, |value| T::from_f64(value.into())),
            (Kind::Signed, 4) => reals!(i32, |value| T::from_f64(value.into())),
            (Kind::Signed, 8) => reals!(i64, |value| T::from_f64(value as f64)),
            (Kind::Unsigned, 1) => reals!(u8, |value| T::from_f64(value.into())),
            (Kind::Unsigned, 2) => reals!(u16, |value| T::from_f64(value.into())),
            (Kind::Unsigned, 4) => reals!(u32, |value| T::from_f64(value.into())),
            (Kind::Unsigned, 8) => reals!(u64, |value| T::from_f64(value as f64)),
            (Kind::Float, 2) => reals!(u16, |value| T::from_f32(f16::from_bits(value).to_f32())),
            (Kind::Float, 4) => reals!(f32, T::from_f32),
            (Kind::Float, 8) => reals!(f64, T::from_f64),
            _ => {
                return Err(Error::Unsupported {
                    file: file.to_owned(),
                    problem: format!(
                        "holds {}; expected real numbers (save it as float64)",
                        self.entry.name()
                    ),
                });
            }
        })
    }
}

type Decoder<T> = dyn Fn(&[u8], &mut Vec<T>);

/// A number of fixed size in either byte order.
trait FixedSize: Sized {
    fn from_bytes(bytes: &[u8], big_endian: bool) -> Self;
}

macro_rules! fixed_size {
    ($($number:ty)*) => {$(
        impl FixedSize for $number {
            fn from_bytes(bytes: &[u8], big_endian: bool) -> Self {
                let mut array = [0; size_of::<$number>()];
                array.copy_from_slice(bytes);
                if big_endian { Self::from_be_bytes(array) } else { Self::from_le_bytes(array) }
            }
        }
    )*};
}
fixed_size!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

fn decode<S: FixedSize, T>(
    bytes: &[u8],
    big_endian: bool,
    out: &mut Vec<T>,
    convert: impl Fn(S) -> T,
) {
    let entries = bytes.chunks_exact(size_of::<S>());
    if big_endian {
        out.extend(entries.map(|entry| convert(S::from_bytes(entry, true))));
    } else {
        out.extend(entries.map(|entry| convert(S::from_bytes(entry, false))));
    }
}
