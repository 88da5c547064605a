//! `partwise compress`: a picture into a small file.

use std::cell::Cell;

use partwise_apps::compress::{Compressed, Jpeg, Method, compress, jpeg_within};
use partwise_apps::image::{Channels, DEFAULT_LIMIT_BYTES, Photo, load_photo, ssim};
use partwise_report::{decimal, percent};
use serde_json::{Value, json};

use crate::arguments::CompressArguments;
use crate::factoriser::Engine;
use crate::interrupt::Ending;
use crate::progress::Progress;
use crate::table::{Table, counted};
use crate::{input, memory, outputs, terminal};

/// Bytes that compression takes for each sample: blocks, codes and what is left of them, for every way at once.
const BYTES_PER_SAMPLE: u64 = 160;

pub(crate) fn run(arguments: &CompressArguments) -> anyhow::Result<Ending> {
    let target = arguments.target();
    target.check()?;
    outputs::check_named(&arguments.output, "pwz")?;
    let name = input::name(&arguments.input);
    let reporting = &arguments.reporting;
    let progress = Progress::begin(format!("reading {name}"), reporting.quiet);
    let limit = memory::available().min(DEFAULT_LIMIT_BYTES);
    let loaded = load_photo(&arguments.input, limit)?;
    let original = loaded.photo;
    let samples = original.picture.values().len() as u64;
    memory::require(
        &format!("compressing {name}"),
        samples.saturating_mul(BYTES_PER_SAMPLE),
    )?;
    if loaded.has_alpha && !reporting.quiet {
        terminal::warning(&format!(
            "{name} has an alpha channel, which is not kept; the picture lies on white"
        ));
    }
    progress.doing("compressing");
    let tries = Cell::new(0);
    let engine = Engine {
        threads: arguments.threads,
    };
    let compressed = compress(
        &original,
        target,
        Method::NonNegative,
        &engine,
        &|bytes, db| {
            tries.set(tries.get() + 1);
            progress.doing(format!(
                "compressing · try {}: {} at {db:.2} dB",
                tries.get(),
                memory::bytes(bytes)
            ));
        },
    )?;
    progress.doing("looking how good the picture is");
    let outcome = Outcome {
        ssim: ssim(&original.picture, &compressed.photo.picture)?,
        jpeg: jpeg_within(&original.picture, compressed.bytes.len() as u64)?,
        original: &original,
        compressed: &compressed,
    };
    progress.doing("writing the file");
    outputs::write_file(&arguments.output, &compressed.bytes)?;
    drop(progress);

    let written = arguments.output.display().to_string();
    if reporting.json {
        let value = serde_json::to_string_pretty(&outcome.json(&name, &written))?;
        terminal::print(&format!("{value}\n"))?;
    } else if !reporting.quiet {
        terminal::print(&outcome.table(&name, &written).render())?;
    }
    Ok(Ending::Done)
}

/// What there is to say about a compressed picture.
#[derive(Debug)]
struct Outcome<'a> {
    original: &'a Photo,
    compressed: &'a Compressed,
    ssim: f64,
    jpeg: Option<Jpeg>,
}

impl Outcome<'_> {
    fn bits_a_pixel(&self) -> f64 {
        let picture = &self.original.picture;
        let pixels = picture.width() as f64 * picture.height() as f64;
        8.0 * self.compressed.bytes.len() as f64 / pixels
    }

    fn table(&self, name: &str, written: &str) -> Table {
        let picture = &self.original.picture;
        let bytes = self.compressed.bytes.len() as u64;
        let mut table = Table::default();
        table.row("picture", name);
        table.row(
            "size",
            format!(
                "{} × {} pixels, {}, {} bits",
                picture.width(),
                picture.height(),
                kind(picture.channels()),
                self.original.depth.bits()
            ),
        );
        table.row("kept as", self.compressed.way.to_string());
        let components = match *self.compressed.components.as_slice() {
            [one] => one.to_string(),
            [luma, chroma] => format!("{luma} of luma, {chroma} of chroma"),
            _ => String::new(),
        };
        table.row("components", components);
        table.row(
            "bytes",
            format!(
                "{bytes}, {} of the plain samples",
                percent(bytes as f64 / self.original.plain_bytes() as f64)
            ),
        );
        table.row("bits a pixel", decimal(self.bits_a_pixel(), 4));
        table.row("PSNR", decibels(self.compressed.psnr_db));
        table.row("SSIM", decimal(self.ssim, 4));
        table.row("JPEG at equal bytes", self.beside_jpeg());
        table.row("written", written);
        table
    }

    /// Who is better, in words.
    fn beside_jpeg(&self) -> String {
        let Some(jpeg) = &self.jpeg else {
            return "none: its lowest quality takes more bytes".to_owned();
        };
        let ahead = self.compressed.psnr_db - jpeg.psnr_db;
        let verdict = if self.compressed.psnr_db == jpeg.psnr_db {
            "as good".to_owned()
        } else if ahead > 0.0 {
            format!("worse by {}", decibels(ahead))
        } else {
            format!("better by {}", decibels(-ahead))
        };
        let highest = if jpeg.quality == 100 {
            ", its highest"
        } else {
            ""
        };
        format!(
            "{} (quality {}{highest}, {}): {verdict}",
            decibels(jpeg.psnr_db),
            jpeg.quality,
            counted(jpeg.bytes, "byte"),
        )
    }

    fn json(&self, name: &str, written: &str) -> Value {
        // JSON has no infinity: a perfect picture has no number.
        let number = |value: f64| value.is_finite().then_some(value);
        json!({
            "input": name,
            "output": written,
            "width": self.original.picture.width(),
            "height": self.original.picture.height(),
            "channels": self.original.picture.channels().count(),
            "depth": self.original.depth.bits(),
            "way": self.compressed.way.to_string(),
            "components": self.compressed.components,
            "bytes": self.compressed.bytes.len(),
            "bits_per_pixel": self.bits_a_pixel(),
            "psnr_db": number(self.compressed.psnr_db),
            "lossless": self.compressed.psnr_db.is_infinite(),
            "ssim": self.ssim,
            "jpeg": self.jpeg.as_ref().map(|jpeg| json!({
                "quality": jpeg.quality,
                "bytes": jpeg.bytes,
                "psnr_db": number(jpeg.psnr_db),
                "ssim": jpeg.ssim,
            })),
        })
    }
}

/// Channels in words.
pub(super) fn kind(channels: Channels) -> &'static str {
    match channels {
        Channels::Grey => "grey",
        Channels::Colour => "colour",
    }
}

/// Decibels in words; no error at all has no number of them.
fn decibels(db: f64) -> String {
    if db.is_infinite() {
        "without any loss".to_owned()
    } else {
        format!("{} dB", decimal(db, 4))
    }
}
