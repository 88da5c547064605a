//! The program `partwise`: non-negative matrix factorisation from the command line.
//!
//! Arguments, progress and exit codes; the work is done by the libraries. `arguments` holds every flag once, from which
//! parsing, help, completions and the man page follow; `commands` has one file a command; results go to stdout and
//! everything else to stderr.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed, as on a full disk |
//! | 2 | wrong use or unusable input |
//! | 130 | stopped by Ctrl-C; results so far are written |

mod arguments;
mod checkpoint;
mod choice;
mod classes;
mod commands;
mod counting;
mod decided;
mod factor;
mod factoriser;
mod failure;
mod input;
mod interrupt;
mod kept;
mod memory;
mod number;
mod outputs;
mod page;
mod progress;
mod quantity;
mod rate;
mod record;
mod table;
mod terminal;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Once;

use clap::{CommandFactory, FromArgMatches};

use arguments::Arguments;

fn main() -> ExitCode {
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let (payload, lack) = (panic.payload(), "out of memory: the system gives no more");
        if failure::is_lack_of_memory(payload) {
            terminal::error(lack);
        } else if failure::is_no_thread(payload) {
            // Several threads may begin at once.
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                terminal::error(lack);
                outputs::remove_unfinished();
                std::process::exit(1);
            });
        } else if !(partwise_io::panics_are_errors() || partwise_apps::panics_are_errors()) {
            said(panic);
        }
    }));
    let parsed = Arguments::command()
        .try_get_matches()
        .inspect(arguments::spare_inputs)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let outcome = match parsed {
        // A panic ends the program as the error that it is, once all that is unfinished has been removed.
        Ok(arguments) => match catch_unwind(AssertUnwindSafe(|| commands::run(&arguments.command)))
        {
            Ok(outcome) => outcome,
            Err(panic) if failure::is_lack_of_memory(panic.as_ref()) => return ExitCode::from(1),
            Err(panic) => resume_unwind(panic),
        },
        Err(error) if error.use_stderr() => Err(failure::usage(&error)),
        Err(help) => terminal::print(&help.render().to_string()).map(|()| interrupt::Ending::Done),
    };
    match outcome {
        Ok(interrupt::Ending::Done) => ExitCode::SUCCESS,
        Ok(interrupt::Ending::Stopped) => ExitCode::from(interrupt::EXIT_CODE),
        Err(error) => {
            interrupt::wait_if_ending();
            terminal::error(&failure::one_line(&error));
            ExitCode::from(failure::exit_code(&error))
        }
    }
}
