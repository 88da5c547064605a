//! HDF5: any array of two dimensions, and the matrices of AnnData (`.h5ad`). See [`crate::rows::annotated`] for which of them is meant.

use hdf5_pure::{
    AttrValue, Chunk, ChunkIndex, DType, Dataset, File, FormatError, Layout, ReadSeekSource,
    VlenStringReadOptions,
};

use super::{ReadOptions, RowsFormat};
use crate::error::{Error, one_line};
use crate::memory::Budget;
use crate::rows::annotated::{self, Array, Entry, Tree};
use crate::rows::{Bands, Rows, guarded};
use crate::shared::Shared;
use crate::source::{Source, read_error};

const MAGIC: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

pub(crate) struct Hdf5;

impl RowsFormat for Hdf5 {
    fn name(&self) -> &'static str {
        "hdf5"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["h5ad", "h5", "hdf5"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        // Something of another kind may stand before it.
        let places = [0, 512, 1024, 2048];
        places
            .iter()
            .any(|&at| head.get(at..).is_some_and(|head| head.starts_with(MAGIC)))
    }

    fn has_arrays(&self) -> bool {
        true
    }

    fn open(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
        open(source, budget, options)
    }
}

fn open(source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
    let name = source.name.clone();
    let (file, length) = source.into_seekable()?;
    guarded(&name, || {
        let source = ReadSeekSource::new(Shared::new(file, length))
            .map_err(|error| refused(&name, error.into()))?;
        let file = File::from_source(source).map_err(|error| refused(&name, error))?;
        let tree = Groups {
            name: name.clone(),
            file,
            length,
        };
        annotated::open(&tree, "hdf5", budget, options)
    })
}

struct Groups {
    name: String,
    file: File,
    length: u64,
}

impl Groups {
    /// What an array is called in messages.
    fn of(&self, path: &str) -> String {
        format!("{}#{}", self.name, one_line(path))
    }

    fn attribute(&self, path: &str, name: &str) -> Option<AttrValue> {
        let group = if path.is_empty() {
            self.file.root()
        } else {
            self.file.group(path).ok()?
        };
        group.attrs().ok()?.remove(name)
    }
}

impl Tree for Groups {
    fn array(&self, path: &str) -> Result<Option<Array>, Error> {
        let name = self.of(path);
        let array = match self.file.dataset(path) {
            Ok(array) => array,
            Err(hdf5_pure::Error::NotADataset(_) | hdf5_pure::Error::NotAGroup(_)) => {
                return Ok(None);
            }
            // Damage is called that, too, but does not name a part of the path.
            Err(hdf5_pure::Error::Format(FormatError::PathNotFound(part)))
                if path.contains(&part) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(refused(&name, error)),
        };
        let read = || Ok((array.shape()?, array.dtype()?, array.chunk_shape()?));
        let (shape, kind, chunk) = read().map_err(|error| refused(&name, error))?;
        // Room for the places of all chunks is made before they are looked for,
        if let Ok(Layout::Chunked {
            chunk_shape,
            index: ChunkIndex::Implicit,
        }) = array.layout()
        {
            let lengths = shape.iter().zip(&chunk_shape);
            let counts = lengths.map(|(&length, &chunk)| length.div_ceil(chunk.max(1)));
            let count = counts.fold(1, u64::saturating_mul);
            if count > self.length {
                return Err(Error::Malformed {
                    file: name,
                    problem: format!("{count} chunks in a file of {} bytes", self.length),
                });
            }
        }
        // and room for a chunk, too.
        let chunks = chunk.as_ref().and_then(|_| array.chunks().ok());
        let beyond = |chunk: &Chunk| chunk.storage_size > self.length.saturating_sub(chunk.address);
        if let Some(chunk) = chunks.iter().flatten().find(|chunk| beyond(chunk)) {
            return Err(Error::Malformed {
                file: name,
                problem: format!(
                    "a chunk of {} bytes at {} ends behind the file, which has {}",
                    chunk.storage_size, chunk.address, self.length
                ),
            });
        }
        let entries = |shape: &[u64]| shape.iter().copied().fold(1, u64::saturating_mul);
        let unit = chunk.as_ref().and_then(|chunk| chunk.first().copied());
        let chunk = chunk.map_or(0, |chunk| entries(&chunk));
        Ok(Some(Array {
            shape,
            entry: entry(&kind),
            unit: unit.unwrap_or(1),
            held: chunk.saturating_mul(16),
            source: Box::new(Values { name, array, kind }),
        }))
    }

    fn is_group(&self, path: &str) -> bool {
        path.is_empty() || self.file.group(path).is_ok()
    }

    fn children(&self, path: &str) -> Result<(Vec<String>, Vec<String>), Error> {
        let read = || {
            let group = if path.is_empty() {
                self.file.root()
            } else {
                self.file.group(path)?
            };
            Ok((group.groups()?, group.datasets()?))
        };
        read().map_err(|error| refused(&self.name, error))
    }

    fn text(&self, path: &str, attribute: &str) -> Option<String> {
        self.attribute(path, attribute)?.as_str().map(str::to_owned)
    }

    fn integers(&self, path: &str, attribute: &str) -> Option<Vec<u64>> {
        fn all<N: Copy>(numbers: &[N]) -> Option<Vec<u64>>
        where
            u64: TryFrom<N>,
        {
            let numbers = numbers.iter().map(|&number| u64::try_from(number).ok());
            numbers.collect()
        }
        match self.attribute(path, attribute)? {
            AttrValue::I64Array(numbers) => all(&numbers),
            AttrValue::I32Array(numbers) => all(&numbers),
            AttrValue::U64Array(numbers) => all(&numbers),
            AttrValue::U32Array(numbers) => all(&numbers),
            _ => None,
        }
    }

    fn texts(&self, path: &str, budget: &Budget) -> Result<Vec<String>, Error> {
        let name = self.of(path);
        let told = |error| refused(&name, error);
        let array = self.file.dataset(path).map_err(told)?;
        let shape = array.shape().map_err(told)?;
        let count = shape.into_iter().fold(1, u64::saturating_mul);
        let each = array.element_size().map_err(told)?;
        budget.check(count.saturating_mul(each))?;
        let texts = match array.dtype().map_err(told)? {
            DType::VariableLengthString => {
                let most = budget.limit.unwrap_or(u64::MAX);
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                array.read_vlen_strings(VlenStringReadOptions::new().with_max_payload_bytes(most))
            }
            _ => array.read_string(),
        };
        texts.map_err(told)
    }
}

fn entry(kind: &DType) -> Entry {
    Entry::Number(match kind {
        DType::F32 => "float32",
        DType::F64 => "float64",
        DType::I8 => "int8",
        DType::I16 => "int16",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::U8 => "uint8",
        DType::U16 => "uint16",
        DType::U32 => "uint32",
        DType::U64 => "uint64",
        // What h5py makes of numpy's type.
        DType::Enum(names) if *names == ["FALSE", "TRUE"] => "bool",
        DType::String | DType::VariableLengthString => return Entry::Text,
        other => return Entry::Other(other.to_string()),
    })
}

/// An array of numbers.
#[derive(Debug)]
struct Values {
    name: String,
    array: Dataset,
    kind: DType,
}

impl Bands for Values {
    fn read(&self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Error> {
        guarded(&self.name, || {
            let (before, rows) = (out.len(), count as u64);
            let read = |out: &mut Vec<f64>| -> Result<(), hdf5_pure::Error> {
                match self.kind {
                    DType::I64 => {
                        let values = self.array.read_i64_rows(first, rows)?;
                        out.extend(values.iter().map(|&value| value as f64));
                    }
                    DType::U64 => {
                        let values = self.array.read_u64_rows(first, rows)?;
                        out.extend(values.iter().map(|&value| value as f64));
                    }
                    DType::Enum(_) => {
                        let values = self.array.read_raw_rows(first, rows)?;
                        out.extend(values.iter().map(|&value| f64::from(value)));
                    }
                    _ => out.extend(self.array.read_f64_rows(first, rows)?),
                }
                Ok(())
            };
            read(out).map_err(|error| refused(&self.name, error))?;
            let width = self
                .array
                .shape()
                .map_err(|error| refused(&self.name, error))?;
            let width = width.iter().skip(1).product::<u64>();
            if (out.len() - before) as u64 == width * rows {
                return Ok(());
            }
            Err(Error::Malformed {
                file: self.name.clone(),
                problem: format!("the data end behind row {first}"),
            })
        })
    }
}

/// Whether an error is one of a version, a filter or a layout that is not known, by its name.
fn is_newer(error: &str) -> bool {
    let name = error.split(|letter: char| !letter.is_alphanumeric()).next();
    name.is_some_and(|name| name.starts_with("Unsupported") || name.ends_with("Version"))
}

fn refused(file: &str, error: hdf5_pure::Error) -> Error {
    match error {
        hdf5_pure::Error::Io(source) => read_error(file, source),
        hdf5_pure::Error::Format(error) if is_newer(&format!("{error:?}")) => Error::Unsupported {
            file: file.to_owned(),
            problem: format!(
                "is HDF5 of a kind that cannot be read here ({error}); written with libver='v110' or older it could"
            ),
        },
        other => Error::Malformed {
            file: file.to_owned(),
            problem: other.to_string(),
        },
    }
}
