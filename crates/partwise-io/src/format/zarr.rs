//! Zarr, versions 3 and 2: folders with any array of two dimensions, and the matrices of AnnData. See [`crate::rows::annotated`] for
//! which of them is meant.

mod codecs;

use std::path::Path;
use std::sync::Arc;

use zarrs::array::{Array as Zarray, ArrayCreateError, ArraySubset, ElementOwned, data_type};
use zarrs::filesystem::FilesystemStore;
use zarrs::group::Group;

use super::{ReadOptions, RowsFormat};
use crate::error::{Error, one_line};
use crate::memory::Budget;
use crate::rows::annotated::{self, Array, Entry, Tree};
use crate::rows::{Bands, Rows, guarded};
use crate::source::Source;

/// Files that say of a folder that it is an array or a group.
const MARKS: [&str; 3] = ["zarr.json", ".zarray", ".zgroup"];

pub(crate) struct Zarr;

impl RowsFormat for Zarr {
    fn name(&self) -> &'static str {
        "zarr"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["zarr"]
    }

    fn recognises(&self, _: &[u8]) -> bool {
        false
    }

    fn recognises_folder(&self, folder: &Path) -> bool {
        MARKS.iter().any(|mark| folder.join(mark).is_file())
    }

    fn has_arrays(&self) -> bool {
        true
    }

    fn open(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
        open(&source, budget, options)
    }
}

fn open(source: &Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
    let name = &source.name;
    let Some(folder) = source.folder() else {
        return Err(Error::Unsupported {
            file: name.clone(),
            problem: "is a file; expected the folder of a Zarr array or group".into(),
        });
    };
    codecs::register();
    guarded(name, || {
        let store = FilesystemStore::new(folder).map_err(|error| refused(name, error))?;
        let tree = Folders {
            name: name.clone(),
            folder,
            store: Arc::new(store),
        };
        annotated::open(&tree, "zarr", budget, options)
    })
}

type Store = Arc<FilesystemStore>;

struct Folders<'a> {
    name: String,
    folder: &'a Path,
    store: Store,
}

impl Folders<'_> {
    /// Whether a path stays within the folder.
    fn is_inside(path: &str) -> bool {
        path.is_empty()
            || path
                .split('/')
                .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\\'))
    }

    fn opened(&self, path: &str) -> Result<Option<Zarray<FilesystemStore>>, Error> {
        let folder = self.folder.join(path);
        if !Self::is_inside(path)
            || !MARKS.iter().any(|mark| folder.join(mark).is_file())
            || self.is_group(path)
        {
            return Ok(None);
        }
        Zarray::open(self.store.clone(), &format!("/{path}"))
            .map(Some)
            .map_err(|error| match error {
                ArrayCreateError::CodecsCreateError(_)
                | ArrayCreateError::UnsupportedZarrV2Array(_) => Error::Unsupported {
                    file: self.of(path),
                    problem: format!(
                        "is Zarr of a kind that cannot be read here ({error}); written with gzip or Zstandard it could"
                    ),
                },
                other => refused(&self.of(path), other),
            })
    }

    fn of(&self, path: &str) -> String {
        match path {
            "" => self.name.clone(),
            path => format!("{}#{}", self.name, one_line(path)),
        }
    }

    fn attribute(&self, path: &str, name: &str) -> Option<serde_json::Value> {
        let group = Group::open(self.store.clone(), &format!("/{path}")).ok()?;
        group.attributes().get(name).cloned()
    }
}

impl Tree for Folders<'_> {
    fn array(&self, path: &str) -> Result<Option<Array>, Error> {
        let Some(array) = self.opened(path)? else {
            return Ok(None);
        };
        let name = self.of(path);
        let shape = array.shape().to_vec();
        let entry = entry(&array);
        let chunk = if shape.contains(&0) {
            Vec::new()
        } else {
            let chunk = array.chunk_shape(&vec![0; shape.len()]);
            let chunk = chunk.map_err(|error| refused(&name, error))?;
            chunk.iter().map(|length| length.get()).collect()
        };
        let size = chunk.iter().copied().fold(1, u64::saturating_mul);
        Ok(Some(Array {
            shape,
            unit: chunk.first().copied().unwrap_or(1),
            held: size.saturating_mul(16),
            source: Box::new(Values {
                name,
                array,
                entry: entry.clone(),
            }),
            entry,
        }))
    }

    fn is_group(&self, path: &str) -> bool {
        Self::is_inside(path) && Group::open(self.store.clone(), &format!("/{path}")).is_ok()
    }

    fn children(&self, path: &str) -> Result<(Vec<String>, Vec<String>), Error> {
        let (mut groups, mut arrays) = (Vec::new(), Vec::new());
        let folder = self.folder.join(path);
        let refused = |source| crate::source::read_error(&self.of(path), source);
        for child in std::fs::read_dir(&folder).map_err(refused)? {
            let child = child.map_err(refused)?;
            let (Ok(name), folder) = (child.file_name().into_string(), child.path()) else {
                continue;
            };
            if !Self::is_inside(&name) || !MARKS.iter().any(|mark| folder.join(mark).is_file()) {
                continue;
            }
            let below = [path, &name];
            let below = below.iter().filter(|part| !part.is_empty());
            let below = below.copied().collect::<Vec<_>>().join("/");
            if self.is_group(&below) {
                groups.push(name);
            } else {
                arrays.push(name);
            }
        }
        Ok((groups, arrays))
    }

    fn text(&self, path: &str, attribute: &str) -> Option<String> {
        self.attribute(path, attribute)?.as_str().map(str::to_owned)
    }

    fn integers(&self, path: &str, attribute: &str) -> Option<Vec<u64>> {
        let list = self.attribute(path, attribute)?;
        list.as_array()?
            .iter()
            .map(|number| number.as_u64())
            .collect()
    }

    fn texts(&self, path: &str, budget: &Budget) -> Result<Vec<String>, Error> {
        let Some(array) = self.opened(path)? else {
            return Ok(Vec::new());
        };
        // What is in no chunk is this text, again and again.
        let absent = size_of::<String>() + array.fill_value().as_ne_bytes().len();
        let count = array.shape().iter().copied().fold(1, u64::saturating_mul);
        budget.check(count.saturating_mul(absent as u64))?;
        array
            .retrieve_array_subset(&array.subset_all())
            .map_err(|error| refused(&self.of(path), error))
    }
}

fn entry(array: &Zarray<FilesystemStore>) -> Entry {
    let kind = array.data_type();
    let known = [
        (data_type::bool(), "bool"),
        (data_type::int8(), "int8"),
        (data_type::int16(), "int16"),
        (data_type::int32(), "int32"),
        (data_type::int64(), "int64"),
        (data_type::uint8(), "uint8"),
        (data_type::uint16(), "uint16"),
        (data_type::uint32(), "uint32"),
        (data_type::uint64(), "uint64"),
        (data_type::float16(), "float16"),
        (data_type::float32(), "float32"),
        (data_type::float64(), "float64"),
    ];
    if let Some((_, name)) = known.iter().find(|(known, _)| known == kind) {
        return Entry::Number(name);
    }
    if *kind == data_type::string() {
        return Entry::Text;
    }
    Entry::Other(kind.to_string())
}

/// An array of numbers.
#[derive(Debug)]
struct Values {
    name: String,
    array: Zarray<FilesystemStore>,
    entry: Entry,
}

impl Values {
    fn part<T: ElementOwned>(
        &self,
        part: &ArraySubset,
        convert: fn(T) -> f64,
        out: &mut Vec<f64>,
    ) -> Result<(), Error> {
        let values: Vec<T> = self
            .array
            .retrieve_array_subset(part)
            .map_err(|error| refused(&self.name, error))?;
        out.extend(values.into_iter().map(convert));
        Ok(())
    }
}

impl Bands for Values {
    fn read(&self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Error> {
        guarded(&self.name, || {
            let mut ranges: Vec<_> = self.array.shape().iter().map(|&length| 0..length).collect();
            ranges[0] = first..first + count as u64;
            let part = ArraySubset::new_with_ranges(&ranges);
            let Entry::Number(kind) = self.entry else {
                unreachable!("only numbers are read");
            };
            match kind {
                "bool" => self.part::<bool>(&part, |value| f64::from(u8::from(value)), out),
                "int8" => self.part::<i8>(&part, f64::from, out),
                "int16" => self.part::<i16>(&part, f64::from, out),
                "int32" => self.part::<i32>(&part, f64::from, out),
                "int64" => self.part::<i64>(&part, |value| value as f64, out),
                "uint8" => self.part::<u8>(&part, f64::from, out),
                "uint16" => self.part::<u16>(&part, f64::from, out),
                "uint32" => self.part::<u32>(&part, f64::from, out),
                "uint64" => self.part::<u64>(&part, |value| value as f64, out),
                "float16" => self.part::<half::f16>(&part, f64::from, out),
                "float32" => self.part::<f32>(&part, f64::from, out),
                _ => self.part::<f64>(&part, |value| value, out),
            }
        })
    }
}

fn refused(file: &str, error: impl std::fmt::Display) -> Error {
    Error::Malformed {
        file: file.to_owned(),
        problem: error.to_string(),
    }
}
