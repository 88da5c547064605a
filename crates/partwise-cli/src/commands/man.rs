//! `partwise man`: the table of flags as one manual page, or that of a command.

use std::io::Write;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::arguments::Arguments;
use crate::failure;
use crate::interrupt::Ending;
use crate::terminal;

/// Beginnings of the lines that each rendered section opens with; once a page is enough.
const PREAMBLE: [&str; 2] = [".ie ", ".el "];

pub(crate) fn run(name: Option<&str>) -> anyhow::Result<Ending> {
    let mut command = Arguments::command();
    command.build();
    let page = match name {
        None => of_all(&command)?,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => of_one(found)?,
            None => {
                let problem = format!("there is no command '{name}'; partwise --help lists them");
                let error = command.error(ErrorKind::InvalidValue, problem);
                return Err(failure::usage(&error));
            }
        },
    };
    terminal::print(&String::from_utf8(page)?)?;
    Ok(Ending::Done)
}

fn of_one(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    sections(command, &mut page)?;
    Ok(page)
}

/// What a command takes and does.
fn sections(command: &Command, page: &mut Vec<u8>) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    extra(command).to_writer(page)?;
    Ok(())
}

fn of_all(command: &Command) -> anyhow::Result<Vec<u8>> {
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
        sections(sub, &mut section)?;
        // The sections of a command's own page are parts of a section here.
        for line in String::from_utf8(section)?.lines() {
            if let Some(title) = line.strip_prefix(".SH ") {
                writeln!(page, ".SS {title}")?;
            } else if !PREAMBLE.iter().any(|start| line.starts_with(start)) {
                writeln!(page, "{line}")?;
            }
        }
    }
    extra(command).to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// What a command's help says behind its flags: examples a line each, as they stand, and paragraphs.
fn extra(command: &Command) -> Roff {
    let text = command.get_after_long_help().or(command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for paragraph in text.split("\n\n").map(str::trim_end) {
        match paragraph.strip_prefix("Examples:\n") {
            Some(examples) => {
                roff.control("SH", ["EXAMPLES"]).control("nf", []);
                for line in examples.lines() {
                    roff.text([roman(line.trim_start())]);
                }
                roff.control("fi", []);
            }
            None if paragraph.is_empty() => {}
            None => {
                roff.control("PP", []).text([roman(paragraph)]);
            }
        }
    }
    roff
}
