//! `partwise report`: the page of a run, from what the run left behind.

use anyhow::{Context, anyhow};
use partwise_report::Run;

use crate::arguments::report::ReportArguments;
use crate::interrupt::Ending;
use crate::table::Table;
use crate::{failure, input, outputs, page, terminal};

pub(crate) fn run(arguments: &ReportArguments) -> anyhow::Result<Ending> {
    let name = input::name(&arguments.run);
    let folder = outputs::folder_of(&arguments.run);
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => folder.join(page::REPORT),
    };
    let bytes = std::fs::read(&arguments.run).with_context(|| name.clone())?;
    let text = String::from_utf8_lossy(&bytes);
    let run = Run::from_json(&text).map_err(|error| {
        anyhow!(
            "{name}: {}; expected the run.json of a fit",
            failure::one_line(&error.into())
        )
    })?;
    outputs::check_named(&output, "html")?;
    let content = page::kept(folder, &text).unwrap_or_else(|reason| {
        if !arguments.quiet {
            terminal::warning(&format!(
                "the page has the figures, the convergence and the command, but not what the run's own page plays \
                 with: {}",
                failure::one_line(&reason)
            ));
        }
        None
    });
    outputs::write_file(&output, page::html(&run, content.as_ref())?.as_bytes())?;
    if !arguments.quiet {
        let mut table = Table::default();
        table.row("run", name);
        table.row("written", output.display().to_string());
        terminal::print(&table.render())?;
    }
    Ok(Ending::Done)
}
