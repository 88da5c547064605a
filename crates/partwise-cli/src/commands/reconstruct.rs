//! `partwise reconstruct`: W H of a model.

use partwise_io::{AnyDense, Dense, MatrixToWrite};

use crate::arguments::ReconstructArguments;
use crate::interrupt::Ending;
use crate::number::{self, Number};
use crate::progress::Progress;
use crate::table::Table;
use crate::{input, memory, outputs, terminal};

pub(crate) fn run(arguments: &ReconstructArguments) -> anyhow::Result<Ending> {
    outputs::check_matrix_file(&arguments.output)?;
    let progress = Progress::begin("multiplying the factors", arguments.quiet);
    let model = partwise_io::read_model(&arguments.model)?;
    let ((rows, _), (rank, cols)) = (model.w.shape(), model.h.shape());
    anyhow::ensure!(
        rows > 0,
        "{}: w has no rows, as of a fit of a stream or with --split-w; find them with transform first",
        input::name(&arguments.model)
    );
    match (model.w, model.h) {
        (AnyDense::F32(w), AnyDense::F32(h)) => {
            reconstruct(arguments, w, h, model.row_names, model.col_names)?;
        }
        (AnyDense::F64(w), AnyDense::F64(h)) => {
            reconstruct(arguments, w, h, model.row_names, model.col_names)?;
        }
        (w, h) => anyhow::bail!(
            "{}: w holds {} and h {}; expected one precision",
            input::name(&arguments.model),
            w.precision().name(),
            h.precision().name()
        ),
    }
    drop(progress);
    if !arguments.quiet {
        let mut table = Table::default();
        table.row("model", input::name(&arguments.model));
        table.row("components", rank.to_string());
        table.row("matrix", format!("{rows} × {cols}"));
        table.row("written", arguments.output.display().to_string());
        terminal::print(&table.render())?;
    }
    Ok(Ending::Done)
}

fn reconstruct<T: Number>(
    arguments: &ReconstructArguments,
    w: Dense<T>,
    h: Dense<T>,
    row_names: Option<Vec<String>>,
    col_names: Option<Vec<String>>,
) -> anyhow::Result<()> {
    let needed = (w.rows as u64)
        .saturating_mul(h.cols as u64)
        .saturating_mul(size_of::<T>() as u64);
    memory::require(&format!("a matrix of {} × {}", w.rows, h.cols), needed)?;
    let v = partwise::reconstruct(&number::from_file(w)?, &number::from_file(h)?);
    let matrix = MatrixToWrite {
        rows: v.rows(),
        cols: v.cols(),
        values: T::values(v.as_slice()),
        row_names: row_names.as_deref(),
        col_names: col_names.as_deref(),
    };
    outputs::write_by(&arguments.output, |path| partwise_io::write(path, &matrix))
}
