//! A photograph as a sum of layers: the picture becomes a matrix, the factors become pictures.
//!
//! `cargo run --release -p partwise-apps --example layers -- photo.png` leaves `approximation.png` and `layer.png` in the folder
//! `partwise-layers` for temporary files.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use partwise::{Matrix, Nmf};
use partwise_apps::image::{Channels, DEFAULT_LIMIT_BYTES, Layers, load, psnr_db, ssim};

const RANK: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/astronaut.png");
    let path = std::env::args().nth(1).unwrap_or_else(|| ours.to_owned());
    let picture = load(path.as_ref(), Channels::Grey, DEFAULT_LIMIT_BYTES)?;
    let (m, n) = picture.shape();
    println!("{path}: {n} x {m} pixels");

    let v = Matrix::row_major(picture.values(), m, n)?;
    let fit = Nmf::new(RANK).max_iter(50).fit(&v)?;
    let approximation = picture.with_values(fit.reconstruct().as_slice().to_vec())?;
    let (psnr, alike) = (
        psnr_db(&picture, &approximation)?,
        ssim(&picture, &approximation)?,
    );
    println!("{RANK} layers: PSNR {psnr:.1} dB, SSIM {alike:.3}");
    assert!(psnr > 20.0, "it looks like the photograph");

    let layers = Layers::new(&picture, fit.w.as_slice(), fit.h.as_slice(), RANK)?;
    let largest = layers.by_share()[0];
    println!(
        "layer {} is {:.0} % of it",
        largest.component,
        100.0 * largest.share
    );
    let folder: PathBuf = std::env::temp_dir().join("partwise-layers");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("approximation.png"), approximation.to_png()?)?;
    let layer = layers.picture(largest.component, 512)?;
    fs::write(folder.join("layer.png"), layer.to_png()?)?;
    println!("pictures: {}", folder.display());
    Ok(())
}
