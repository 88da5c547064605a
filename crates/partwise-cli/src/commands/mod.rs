//! One file a command.

mod audio;
mod completions;
mod compress;
mod consensus;
mod convert;
mod decompress;
mod distributed;
mod fit;
mod image;
mod info;
mod joint;
mod man;
mod parts;
mod pieces;
mod rank;
mod reconstruct;
mod report;
mod rows_of_w;
mod stream;
mod topics;
mod transform;
mod tree;

use crate::arguments::Command;
use crate::interrupt::{self, Ending};

/// Does what the command line asks for.
pub(crate) fn run(command: &Command) -> anyhow::Result<Ending> {
    interrupt::listen()?;
    match command {
        Command::Fit(arguments) => fit::run(arguments),
        Command::Rank(arguments) => rank::run(arguments),
        Command::Consensus(arguments) => consensus::run(arguments),
        Command::Tree(arguments) => tree::run(arguments),
        Command::Joint(arguments) => joint::run(arguments),
        Command::Transform(arguments) => transform::run(arguments),
        Command::Reconstruct(arguments) => reconstruct::run(arguments),
        Command::Convert(arguments) => convert::run(arguments),
        Command::Info(arguments) => info::run(arguments),
        Command::Image(arguments) => image::run(arguments),
        Command::Compress(arguments) => compress::run(arguments),
        Command::Decompress(arguments) => decompress::run(arguments),
        Command::Parts(arguments) => parts::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Topics(arguments) => topics::run(arguments),
        Command::Audio(arguments) => audio::run(arguments),
        Command::Completions { shell } => completions::run(*shell),
        Command::Man { command } => man::run(command.as_deref()),
    }
}
