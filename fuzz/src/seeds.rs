//! Writes the corpora that are checked in, small ones: files that the tests of the readers have, each with the last byte that chooses
//! how it is read, and states and pictures that only this project makes.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --bin seeds`: built without the fuzzer's flags.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use partwise::Nmf;
use partwise_apps::compress::{FactorError, Factoriser, Factors, Method, Target, compress};
use partwise_apps::image::decode_photo;
use partwise_fuzz::fits::{Keeper, small_fit, small_matrix, small_v};

// The coverage counters of the libraries want their fuzzer, where they are built with them.
use libfuzzer_sys as _;

type Done = Result<(), Box<dyn Error>>;

/// Longer files teach a fuzzer little and cost it much.
const LONGEST: usize = 16_000;

/// A target, the folder of its files beside this one, and what their names end with.
const FILES: &[(&str, &str, &[&str])] = &[
    (
        "text",
        "partwise-io/tests/data",
        &[".csv", ".tsv", ".txt", ".txt.gz"],
    ),
    ("npy", "partwise-io/tests/data", &[".npy"]),
    ("npz", "partwise-io/tests/data", &[".npz"]),
    ("mtx", "partwise-io/tests/data", &[".mtx", ".mtx.gz"]),
    ("parquet", "partwise-io/tests/formats", &[".parquet"]),
    (
        "arrow",
        "partwise-io/tests/formats",
        &[".arrow", ".arrows", ".feather"],
    ),
    ("h5ad", "partwise-io/tests/formats", &[".h5", ".h5ad"]),
    ("image", "partwise-io/tests/data", &[".png", ".pgm"]),
];

fn main() -> Done {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = here.join("../crates");
    for (target, folder, ends) in FILES {
        for entry in fs::read_dir(crates.join(folder))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !path.is_file() || !ends.iter().any(|end| name.ends_with(end)) {
                continue;
            }
            let bytes = fs::read(&path)?;
            if bytes.len() <= LONGEST {
                // Formats of one target are told apart by the highest bits.
                let format = match (*target, path.extension().and_then(|end| end.to_str())) {
                    ("text", Some("tsv")) => 1 << 5,
                    ("text", Some("txt" | "gz")) => 2 << 5,
                    _ => 0,
                };
                for way in ways(target) {
                    seed(
                        here,
                        target,
                        &format!("{name}-{way}"),
                        &bytes,
                        Some(format | way),
                    )?;
                }
            }
        }
    }
    sounds(here, &crates)?;
    zarr(here, &crates)?;
    stores(here)?;
    pictures(here)?;
    kinds(here)?;
    states(here)?;
    texts(here)
}

/// Read, in batches, as it lies in its file; for what is read in one way, that.
fn ways(target: &str) -> &'static [u8] {
    match target {
        "image" => &[0, 3],
        "text" => &[0, 6],
        _ => &[0, 6, 7],
    }
}

fn seed(here: &Path, target: &str, name: &str, bytes: &[u8], choice: Option<u8>) -> Done {
    let folder = here.join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    let mut whole = bytes.to_vec();
    whole.extend(choice);
    Ok(fs::write(folder.join(name), whole)?)
}

/// Bytes of a sound, with which decoders have begun.
const SOUND: usize = 6000;

/// What has no choice of ways.
fn sounds(here: &Path, crates: &Path) -> Done {
    for name in [
        "two-tones.wav",
        "two-tones.flac",
        "two-tones.mp3",
        "two-tones.ogg",
        "two-tones-aac.m4a",
        "two-tones-alac.m4a",
    ] {
        let bytes = fs::read(crates.join("partwise-apps/tests/fixtures/sound").join(name))?;
        seed(here, "audio", name, &bytes[..bytes.len().min(SOUND)], None)?;
    }
    seed(
        here,
        "model",
        "model.npz",
        &fs::read(crates.join("partwise-io/tests/data/model.npz"))?,
        None,
    )
}

/// Folders in the archive of the target.
fn zarr(here: &Path, crates: &Path) -> Done {
    let formats = crates.join("partwise-io/tests/formats");
    for (name, folder) in [
        ("old", "old.zarr"),
        ("plain", "group.zarr/plain"),
        ("gzip", "group.zarr/gzip"),
        ("sharded", "group.zarr/sharded"),
        ("hole", "group.zarr/hole"),
        ("sparse", "cells.zarr/X"),
        ("dense", "cells.zarr/layers/dense"),
    ] {
        let mut archive = Vec::new();
        for path in below(&formats.join(folder))? {
            archive.extend(
                format!(
                    ">> {}\n",
                    path.strip_prefix(formats.join(folder))?.display()
                )
                .bytes(),
            );
            archive.extend(fs::read(&path)?);
            archive.push(b'\n');
        }
        for way in ways("zarr") {
            seed(here, "zarr", &format!("{name}-{way}"), &archive, Some(*way))?;
        }
    }
    Ok(())
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(below(&path)?),
            false => files.push(path),
        }
    }
    files.sort();
    Ok(files)
}

fn stores(here: &Path) -> Done {
    let data = here.join("../crates/partwise-io/tests/data");
    let folder = std::env::temp_dir();
    let path = folder.join(format!("partwise-seed-{}.pws", std::process::id()));
    // The one whose block is compressed.
    let zeros = folder.join(format!("partwise-seed-{}.csv", std::process::id()));
    fs::write(&zeros, "0,0,0,0,0,0,0,0\n".repeat(32))?;
    let inputs = [
        "f8.npy",
        "f4.npy",
        "both.csv",
        "scipy_csr_matrix.npz",
        "real.mtx",
    ]
    .map(|name| (name, data.join(name)));
    for (name, input) in inputs.into_iter().chain([("zeros.csv", zeros.clone())]) {
        for compress in [false, true] {
            partwise_io::convert(&input, &path, &Default::default(), compress, &mut |_| true)?;
            for way in ways("store") {
                seed(
                    here,
                    "store",
                    &format!("{name}-{compress}-{way}"),
                    &fs::read(&path)?,
                    Some(*way),
                )?;
            }
        }
    }
    fs::remove_file(&zeros)?;
    Ok(fs::remove_file(&path)?)
}

/// Factors pictures by the engine, as the program does.
#[derive(Debug)]
struct Engine;

impl Factoriser for Engine {
    fn non_negative(
        &self,
        v: &[f32],
        shape: (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let v = partwise::Matrix::row_major(v, shape.0, shape.1)?;
        let model = Nmf::new(rank).fit(&v)?;
        Ok(Factors {
            w: model.w.into_values(),
            h: model.h.into_values(),
        })
    }

    fn singular(
        &self,
        v: &[f32],
        shape: (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let v = partwise::Matrix::row_major(v, shape.0, shape.1)?;
        let svd = partwise::truncated_svd(&v, rank, 0, None)?;
        let mut w = svd.left.into_values();
        for row in w.chunks_exact_mut(rank) {
            row.iter_mut()
                .zip(&svd.values)
                .for_each(|(x, value)| *x *= *value as f32);
        }
        Ok(Factors {
            w,
            h: svd.right.transposed().into_values(),
        })
    }
}

/// One small picture of every kind that can be written.
fn kinds(here: &Path) -> Done {
    let pixel = |x: u32, y: u32| image::Rgb([(x * 9) as u8, (y * 13) as u8, (x * y) as u8]);
    let picture: image::DynamicImage = image::RgbImage::from_fn(13, 9, pixel).into();
    for kind in image::ImageFormat::all().filter(|kind| kind.can_write()) {
        let picture = match kind {
            image::ImageFormat::OpenExr | image::ImageFormat::Hdr => picture.to_rgb32f().into(),
            image::ImageFormat::Farbfeld => picture.to_rgba16().into(),
            image::ImageFormat::Ico | image::ImageFormat::Gif => picture.to_rgba8().into(),
            _ => picture.clone(),
        };
        let mut file = std::io::Cursor::new(Vec::new());
        // A kind without an encoder here has no seed.
        if picture.write_to(&mut file, kind).is_ok() {
            let name = kind.extensions_str().first().unwrap_or(&"picture");
            for way in ways("image") {
                seed(
                    here,
                    "image",
                    &format!("made.{name}-{way}"),
                    file.get_ref(),
                    Some(*way),
                )?;
            }
        }
    }
    Ok(())
}

fn pictures(here: &Path) -> Done {
    for (name, width, height) in [("grey.pgm", 24, 17), ("colour.ppm", 20, 18)] {
        let channels = if name.starts_with('g') { 1 } else { 3 };
        let mut file = format!(
            "P{}\n{width} {height}\n255\n",
            if channels == 1 { 5 } else { 6 }
        )
        .into_bytes();
        file.extend((0..width * height * channels).map(|i| (i * 31 % 97 + i / 7 % 120) as u8));
        let photo = decode_photo(&file, name, u64::MAX)?.photo;
        for (method, target) in [
            (Method::NonNegative, Target::Quality(30.0)),
            (Method::NonNegative, Target::Quality(80.0)),
            (Method::Singular, Target::Quality(50.0)),
        ] {
            let made = compress(&photo, target, method, &Engine, &|_, _| {})?;
            let name = format!("{name}-{method:?}-{target:?}").replace(['(', ')', '.'], "-");
            // As it is, and without the checksum that the target adds.
            seed(here, "pwz", &format!("{name}-whole"), &made.bytes, Some(1))?;
            seed(
                here,
                "pwz",
                &name,
                &made.bytes[..made.bytes.len() - 4],
                Some(0),
            )?;
        }
    }
    Ok(())
}

fn states(here: &Path) -> Done {
    let values = small_matrix();
    for choice in 0..16 {
        let v = small_v(&values, choice);
        for until in [2, 9] {
            let mut keeper = Keeper::after(until);
            small_fit(choice).fit_with(&[v], Default::default(), &mut keeper)?;
            if !keeper.state.is_empty() {
                seed(
                    here,
                    "checkpoint",
                    &format!("{choice}-{until}"),
                    &keeper.state,
                    Some(choice << 1),
                )?;
            }
        }
    }
    Ok(())
}

fn texts(here: &Path) -> Done {
    let lines = "{\"text\": \"Red apple, \\u00e9t\\u00e9\", \"id\": 7, \"label\": \"a\"}\n\n{\"id\": \"x\", \"text\": \"green\\ntree \\ud83c\\udf33\"}\n";
    let table = "id,text,label\n1,\"red, \"\"apple\"\"\",a\n2,\"green\ntree\",b\n";
    seed(here, "jsonl", "lines", lines.as_bytes(), Some(0))?;
    seed(here, "jsonl", "labels", lines.as_bytes(), Some(4))?;
    seed(here, "jsonl", "pairs", lines.as_bytes(), Some(24))?;
    seed(here, "jsonl", "table", table.as_bytes(), Some(5))?;
    seed(
        here,
        "jsonl",
        "tabs",
        table.replace(',', "\t").as_bytes(),
        Some(6),
    )?;
    seed(
        here,
        "jsonl",
        "plain",
        "red apple\n\n  \ngrün Straße\r\nold car\n".as_bytes(),
        Some(3),
    )
}
