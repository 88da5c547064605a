//! A photograph in a small file: compressed to a given quality, and back.
//!
//! `cargo run --release -p partwise-apps --example compressed -- photo.png` leaves `photo.pwz` and `back.png` in the folder
//! `partwise-compressed` for temporary files.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::fs;

use partwise::{Matrix, Nmf, truncated_svd};
use partwise_apps::compress::{
    FactorError, Factoriser, Factors, Method, Target, compress, decompress, jpeg_within,
};
use partwise_apps::image::{DEFAULT_LIMIT_BYTES, load_photo};

const PSNR_DB: f64 = 32.0;

fn main() -> Result<(), Box<dyn Error>> {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/astronaut.png");
    let path = std::env::args().nth(1).unwrap_or_else(|| ours.to_owned());
    let original = load_photo(path.as_ref(), DEFAULT_LIMIT_BYTES)?.photo;
    let compressed = compress(
        &original,
        Target::PsnrDb(PSNR_DB),
        Method::NonNegative,
        &Engine,
        &|bytes, db| println!("tried: {bytes} bytes at {db:.2} dB"),
    )?;
    println!(
        "{path}: {} bytes, {:.1} % of the plain samples, at {:.2} dB, kept as {}",
        compressed.bytes.len(),
        100.0 * compressed.bytes.len() as f64 / original.plain_bytes() as f64,
        compressed.psnr_db,
        compressed.way
    );
    if let Some(jpeg) = jpeg_within(&original.picture, compressed.bytes.len() as u64)? {
        println!("JPEG in as many bytes: {:.2} dB", jpeg.psnr_db);
    }
    assert!(compressed.psnr_db >= PSNR_DB, "it is as good as was asked");

    let folder = std::env::temp_dir().join("partwise-compressed");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("photo.pwz"), &compressed.bytes)?;
    let read = fs::read(folder.join("photo.pwz"))?;
    let back = decompress(&read, "photo.pwz", DEFAULT_LIMIT_BYTES)?;
    assert_eq!(back, compressed.photo, "the file holds the picture");
    fs::write(folder.join("back.png"), back.picture.to_png()?)?;
    println!("written: {}", folder.display());
    Ok(())
}

/// What factors the matrices of a picture: compression knows no solver.
struct Engine;

impl Factoriser for Engine {
    fn non_negative(
        &self,
        v: &[f32],
        (rows, cols): (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let fit = Nmf::new(rank)
            .max_iter(50)
            .fit(&Matrix::row_major(v, rows, cols)?)?;
        Ok(Factors {
            w: fit.w.into_values(),
            h: fit.h.into_values(),
        })
    }

    // `Method::NonNegative` asks for it too: the singular values tell which ranks can pay.
    fn singular(
        &self,
        v: &[f32],
        (rows, cols): (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let svd = truncated_svd(&Matrix::row_major(v, rows, cols)?, rank, 0, None)?;
        let values = svd.values.iter().cycle();
        let w = svd.left.as_slice().iter().zip(values);
        Ok(Factors {
            w: w.map(|(entry, value)| entry * *value as f32).collect(),
            h: svd.right.transposed().into_values(),
        })
    }
}
