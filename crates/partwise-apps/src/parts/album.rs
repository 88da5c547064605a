//! Pictures of a folder as the rows of a matrix.

use std::fs;
use std::path::{Path, PathBuf};

use ::image::ImageFormat;

use crate::AppError;
use crate::image::{Channels, load};

/// Equally large grey pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Album {
    /// What the m pictures are called.
    pub names: Vec<String>,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// Width in pixels, at least 1.
    pub width: usize,
    /// m × (height · width), row-major, not below zero.
    pub values: Vec<f32>,
    /// What stood for white where they come from, and they were divided by; 1 of pictures.
    pub white: f32,
}

impl Album {
    /// An album of the rows of a matrix; each picture is called by its number, from 1. Values above 1 are scaled to 0..1,
    /// all alike.
    ///
    /// # Errors
    ///
    /// [`AppError::RowLength`] if a row has another length than height · width.
    pub fn from_rows(
        mut values: Vec<f32>,
        rows: usize,
        columns: usize,
        (height, width): (usize, usize),
    ) -> Result<Self, AppError> {
        if height.checked_mul(width) != Some(columns) || values.len() != rows * columns {
            return Err(AppError::RowLength {
                columns,
                height,
                width,
            });
        }
        let most = values.iter().copied().fold(1.0, f32::max);
        // What no fit takes is to be named as it is.
        let is_legal = most.is_finite() && !values.iter().any(|value| *value < 0.0);
        let white = if is_legal { most } else { 1.0 };
        if white > 1.0 {
            values.iter_mut().for_each(|value| *value /= white);
        }
        Ok(Self {
            names: (1..=rows).map(|row| row.to_string()).collect(),
            height,
            width,
            values,
            white,
        })
    }

    /// Pixels of a picture: columns of the matrix.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The samples of a picture, row-major.
    pub fn picture(&self, index: usize) -> &[f32] {
        &self.values[index * self.pixels()..(index + 1) * self.pixels()]
    }
}

/// Reads all pictures in a folder as grey, in the order of their names. Files whose names are not those of pictures,
/// hidden ones and folders are passed over. `watch` hears how many of how many are read.
///
/// `limit_bytes` bounds the memory of the matrix.
///
/// # Errors
///
/// [`AppError::Read`], [`AppError::NoPictures`], [`AppError::DifferentSizes`], [`AppError::AlbumTooLarge`], and those of
/// [`load`].
pub fn load_folder(
    folder: &Path,
    limit_bytes: u64,
    watch: &dyn Fn(usize, usize),
) -> Result<Album, AppError> {
    let files = pictures(folder)?;
    let Some(first) = files.first() else {
        return Err(AppError::NoPictures {
            folder: folder.to_owned(),
        });
    };
    let first_picture = load(first, Channels::Grey, limit_bytes)?;
    let (height, width) = first_picture.shape();
    let needed_bytes = (files.len() as u64)
        .saturating_mul(height as u64)
        .saturating_mul(width as u64)
        .saturating_mul(size_of::<f32>() as u64);
    if needed_bytes > limit_bytes {
        return Err(AppError::AlbumTooLarge {
            folder: folder.to_owned(),
            pictures: files.len(),
            needed_bytes,
            limit_bytes,
        });
    }
    let mut album = Album {
        names: Vec::with_capacity(files.len()),
        height,
        width,
        values: Vec::with_capacity(files.len() * height * width),
        white: 1.0,
    };
    for (index, file) in files.iter().enumerate() {
        watch(index, files.len());
        let picture = load(file, Channels::Grey, limit_bytes)?;
        if picture.shape() != (height, width) {
            let (other_height, other_width) = picture.shape();
            return Err(AppError::DifferentSizes {
                first: first.clone(),
                first_size: format!("{width} × {height}"),
                other: file.clone(),
                other_size: format!("{other_width} × {other_height}"),
            });
        }
        let name = file.file_name().unwrap_or_default();
        album.names.push(name.to_string_lossy().into_owned());
        album.values.extend(picture.values());
    }
    Ok(album)
}

/// The files of a folder that are called like pictures, in the order of their names.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>, AppError> {
    let read_error = |source| AppError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_picture = ImageFormat::from_path(&path).is_ok_and(|format| format.reading_enabled());
        if !name.starts_with('.') && is_picture && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
