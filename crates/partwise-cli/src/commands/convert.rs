//! `partwise convert`: a matrix into a store of row blocks, which a fit reads without room for it.

use anyhow::bail;
use partwise_io::{Converted, Error, Format, convert};

use crate::arguments::ConvertArguments;
use crate::interrupt::{self, Ending};
use crate::memory::{self, Limit};
use crate::progress::Progress;
use crate::table::{Table, counted};
use crate::{input, outputs, terminal};

/// Bytes of a block of the store that is filled, packed and compressed.
const BLOCKS: u64 = 8 << 20;

pub(crate) fn run(arguments: &ConvertArguments) -> anyhow::Result<Ending> {
    let output = &arguments.output;
    if Format::by_extension(output).is_none_or(|format| format.name() != "pws") {
        bail!(
            "{}: expected the name of a store to end in .pws",
            output.display()
        );
    }
    outputs::check_file(output)?;
    let (reading, name) = (&arguments.reading, input::name(&arguments.input));
    let limit = Limit::from(arguments.memory);
    limit.require(&format!("converting {name}"), BLOCKS)?;
    let limit = limit.less(BLOCKS);
    let options = input::options_within(limit, reading.dtype.into(), reading.format.as_deref());
    let progress = Progress::begin(format!("converting {name}"), arguments.quiet);
    // A request to end is seen between two blocks, so that the unfinished file goes.
    interrupt::keep_results();
    let mut watch = |state: partwise_io::Converting| {
        let entries = counted(state.entries, "value");
        progress.doing(match state.rows {
            0 => format!("reading {name}: {entries}"),
            rows => format!("converting {name}: {}, {entries}", counted(rows, "row")),
        });
        !interrupt::requested()
    };
    let compress = !arguments.no_compression;
    let converted = outputs::write_by(output, |output| {
        convert(&arguments.input, output, &options, compress, &mut watch)
    });
    let converted = match converted {
        Err(error) if matches!(error.downcast_ref(), Some(Error::Stopped { .. })) => {
            drop(progress);
            if !arguments.quiet {
                terminal::note("stopped; nothing was written");
            }
            return Ok(Ending::Stopped);
        }
        converted => converted.map_err(|error| limit.told(error, ""))?,
    };
    drop(progress);
    if !arguments.quiet {
        terminal::print(&table(&name, arguments, &converted).render())?;
    }
    Ok(Ending::Done)
}

fn table(name: &str, arguments: &ConvertArguments, converted: &Converted) -> Table {
    let mut table = Table::default();
    let kind = if converted.sparse { "sparse" } else { "dense" };
    table.row("input", format!("{name} ({})", converted.format));
    table.row("shape", format!("{} × {}", converted.rows, converted.cols));
    table.row(
        "entries",
        format!("{} of {}, {kind}", converted.stored, converted.stored_as),
    );
    if converted.held {
        table.row(
            "read",
            "through memory: its format does not give it in parts",
        );
    }
    let each = converted.bytes as f64 / converted.stored.max(1) as f64;
    table.row(
        "size",
        format!(
            "{}, {each:.2} bytes an entry",
            memory::bytes(converted.bytes)
        ),
    );
    table.row("written", arguments.output.display().to_string());
    table
}
