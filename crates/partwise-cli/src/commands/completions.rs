//! `partwise completions`: the table of flags for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::interrupt::Ending;
use crate::terminal;

pub(crate) fn run(shell: Shell) -> anyhow::Result<Ending> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    terminal::print(&String::from_utf8(text)?)?;
    Ok(Ending::Done)
}
