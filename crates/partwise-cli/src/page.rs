//! The page of a run, and what it shows, kept so that `partwise report` can make it later.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use partwise_report::{Content, Run, Section};
use serde::{Deserialize, Serialize};

use crate::arguments::PageArguments;
use crate::outputs::Staged;

/// The page of a run.
pub(crate) const REPORT: &str = "report.html";
/// What the page of a run shows beside its record.
const KEPT: &str = "page.json.gz";
/// Bytes of [`KEPT`] at most, unpacked. Pages are thinned far below this.
const MOST_BYTES: u64 = 1 << 26;

/// The content of [`KEPT`].
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of the program: content and scripts belong together.
    version: String,
    /// Checksum of the run.json that it belongs to.
    run: u32,
    content: Content,
}

/// Stages the page, unless it is not wanted, and what it shows.
///
/// # Errors
/// If the section does not fit together or the system refuses a file.
pub(crate) fn stage(
    staged: &mut Staged,
    run: &Run,
    arguments: &PageArguments,
    section: &Section,
) -> anyhow::Result<()> {
    let content = Content::of(section).context("the page of the run")?;
    if !arguments.no_report {
        staged.write(REPORT, html(run, Some(&content))?.as_bytes())?;
    }
    let kept = Kept {
        version: run.version.clone(),
        run: checksum(&run.to_json()?),
        content,
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&serde_json::to_vec(&kept)?)?;
    staged.write(KEPT, &packed.finish()?)
}

/// The text of the page.
///
/// # Errors
/// If a number of the run is not finite.
pub(crate) fn html(run: &Run, content: Option<&Content>) -> anyhow::Result<String> {
    let page = match content {
        Some(content) => content.page(run),
        None => partwise_report::plain_page(run),
    };
    page.context("the page of the run")
}

/// What the page of the run in `folder` shows beside its record; `None` if it never showed more. `text` is its run.json.
///
/// # Errors
/// Why it cannot be had.
pub(crate) fn kept(folder: &Path, text: &str) -> anyhow::Result<Option<Content>> {
    let file = match File::open(folder.join(KEPT)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| format!("{KEPT}: cannot read"))?,
    };
    let mut json = String::new();
    let mut unpacked = GzDecoder::new(file).take(MOST_BYTES + 1);
    let length = unpacked.read_to_string(&mut json);
    let length = length.with_context(|| format!("{KEPT}: damaged"))?;
    ensure!(
        length as u64 <= MOST_BYTES,
        "{KEPT}: is larger than any that partwise writes"
    );
    let kept: Kept = serde_json::from_str(&json).with_context(|| format!("{KEPT}: damaged"))?;
    let own = env!("CARGO_PKG_VERSION");
    if kept.version != own {
        bail!("{KEPT}: is of partwise {}, and this is {own}", kept.version);
    }
    ensure!(
        kept.run == checksum(text),
        "{KEPT}: belongs to another run.json, or run.json was changed"
    );
    Ok(Some(kept.content))
}

fn checksum(text: &str) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(text.as_bytes());
    sum.sum()
}
