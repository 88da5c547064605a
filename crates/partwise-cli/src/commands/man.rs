//! `partwise man`: the table of flags as one manual page.

use std::io::Write;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::interrupt::Ending;
use crate::terminal;

/// Beginnings of the lines that each rendered section opens with; once a page is enough.
const PREAMBLE: [&str; 2] = [".ie ", ".el "];

pub(crate) fn run() -> anyhow::Result<Ending> {
    let mut command = Arguments::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let heading = format!("partwise {}", sub.get_name()).to_uppercase();
        writeln!(page, ".SH \"{heading}\"")?;
        let mut section = Vec::new();
        let man = Man::new(sub.clone());
        man.render_synopsis_section(&mut section)?;
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        man.render_extra_section(&mut section)?;
        // The sections of a command's own page are parts of a section here.
        for line in String::from_utf8(section)?.lines() {
            if let Some(title) = line.strip_prefix(".SH ") {
                writeln!(page, ".SS {title}")?;
            } else if !PREAMBLE.iter().any(|start| line.starts_with(start)) {
                writeln!(page, "{line}")?;
            }
        }
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    terminal::print(&String::from_utf8(page)?)?;
    Ok(Ending::Done)
}
