//! `partwise decompress`: a small file into a picture again.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, bail};
use partwise_apps::compress::decompress;

use super::compress::kind;
use crate::arguments::DecompressArguments;
use crate::interrupt::Ending;
use crate::memory::Size;
use crate::progress::Progress;
use crate::table::Table;
use crate::{input, memory, outputs, terminal};

pub(crate) fn run(arguments: &DecompressArguments) -> anyhow::Result<Ending> {
    outputs::check_named(&arguments.output, "png")?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.quiet);
    let limit = arguments.memory.map_or_else(memory::available, Size::bytes);
    let refused = || format!("cannot read {name}");
    let file = File::open(&arguments.input).with_context(refused)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(refused)?;
    if bytes.len() as u64 > limit {
        bail!(
            "{name} is larger than the limit of {}",
            memory::bytes(limit)
        );
    }
    progress.doing(format!("decompressing {name}"));
    let photo = decompress(&bytes, &name, limit)?;
    let png = photo.to_png()?;
    outputs::write_file(&arguments.output, &png)?;
    drop(progress);
    if !arguments.quiet {
        let picture = &photo.picture;
        let mut table = Table::default();
        table.row("file", name);
        table.row(
            "picture",
            format!(
                "{} × {} pixels, {}, {} bits",
                picture.width(),
                picture.height(),
                kind(picture.channels()),
                photo.depth.bits()
            ),
        );
        table.row("written", arguments.output.display().to_string());
        terminal::print(&table.render())?;
    }
    Ok(Ending::Done)
}
