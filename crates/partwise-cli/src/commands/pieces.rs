//! `partwise fit --pieces`: V cut into pieces of rows, whose statistics are added in a fixed order. Pieces can be in several
//! processes; here they are all in this one, and the answer has the same bits.

use std::ops::Range;

use anyhow::{Context, anyhow, bail};
use partwise::remote::piece;
use partwise::{Dense, Held, Matrix, Nmf};
use partwise_io::{Precision, Stored};

use crate::arguments::FitArguments;
use crate::checkpoint::{Checkpoint, Kept};
use crate::input;
use crate::interrupt::Ending;
use crate::memory::Limit;
use crate::number::Number;
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::Data;

use super::{fit, rows_of_w};

/// Rows of a piece at least, where nothing else is asked for: what pieces say of H has to be added, and takes k·n numbers each.
const ROWS: usize = 2048;
/// Pieces at most, where nothing else is asked for.
const MOST: usize = 64;

/// A V that gives rows here and there, and how it is cut.
pub(crate) struct Cut {
    pub(crate) stored: Stored,
    pub(crate) name: String,
    pub(crate) pieces: usize,
}

impl Cut {
    /// Looks at the file. `None` if its format gives no rows here and there.
    ///
    /// # Errors
    /// What is wrong with the file; more pieces than rows.
    pub(crate) fn open(arguments: &FitArguments) -> anyhow::Result<Option<Self>> {
        let reading = &arguments.reading;
        let limit = Limit::from(arguments.memory);
        let how = (reading.dtype.into(), reading.format.as_deref());
        let Some(stored) = input::stored(&arguments.input, how, limit)? else {
            return Ok(None);
        };
        let name = input::name(&arguments.input);
        let rows = stored.shape().0;
        let asked = arguments.pieces.map(std::num::NonZeroUsize::get);
        if let Some(asked) = asked
            && asked > rows
        {
            bail!("--pieces {asked}: {name} has {rows} rows; expected at most one piece a row");
        }
        let pieces = asked.unwrap_or_else(|| (rows / ROWS).clamp(1, MOST));
        Ok(Some(Self {
            stored,
            name,
            pieces,
        }))
    }

    /// The error for a file that cannot be cut.
    pub(crate) fn refusal(arguments: &FitArguments) -> anyhow::Error {
        let name = input::name(&arguments.input);
        let is_path = arguments.input.as_os_str() != "-" && !name.contains('#');
        if is_path && let Err(error) = std::fs::metadata(&arguments.input) {
            return anyhow!(error).context(format!("{name}: cannot read"));
        }
        anyhow!(
            "{name}: does not give its rows in pieces; make a store of it: partwise convert {name} -o v.pws"
        )
    }

    /// Reads the rows of some pieces into memory.
    ///
    /// # Errors
    /// Too little memory; what reading meets.
    pub(crate) fn held<T: Number>(
        &self,
        pieces: Range<usize>,
        limit: Limit,
    ) -> anyhow::Result<Vec<Held<T>>> {
        let rows = self.stored.shape().0;
        let ranges: Vec<_> = pieces
            .map(|index| piece(rows, self.pieces, index))
            .collect();
        let count: usize = ranges.iter().map(Range::len).sum();
        let bytes = u128::from(self.stored.bytes_in_memory()) * count as u128 / rows.max(1) as u128;
        let what = format!("reading {count} of {rows} rows of {}", self.name);
        limit.require(&what, u64::try_from(bytes).unwrap_or(u64::MAX))?;
        let Matrix::Streamed(streamed) = self.stored.view::<T>() else {
            bail!("{}: does not give its rows in pieces", self.name);
        };
        streamed.hold(&ranges).with_context(|| self.name.clone())
    }

    /// What is remembered of the data. Where W is `split` the model has no rows to name.
    pub(crate) fn data(&self, nonzeros: usize, split: bool) -> Data {
        let data = Data::stored(self.name.clone(), &self.stored, nonzeros);
        let row_names = data.row_names.filter(|_| !split);
        Data { row_names, ..data }
    }

    /// Bytes that a fit needs beside the pieces: their work space, and factors of the shape of V.
    pub(crate) fn needed<T: Number>(&self, nmf: &Nmf, pieces: &[Matrix<'_, T>]) -> u64 {
        let twins = pieces.iter().filter(|piece| piece.is_sparse());
        let twins = twins.map(|piece| piece.stored() as u64 * (size_of::<T>() as u64 + 4));
        let whole = nmf.memory_needed(&self.stored.view::<T>());
        twins.fold(whole, u64::saturating_add)
    }
}

/// Bytes of some pieces in memory.
pub(super) fn bytes_of<T: Number>(pieces: &[Matrix<'_, T>]) -> u64 {
    let value = size_of::<T>() as u64;
    let bytes = pieces.iter().map(|piece| {
        let (rows, stored) = (piece.rows() as u64, piece.stored() as u64);
        match piece.is_sparse() {
            // Where each row ends, and the column of each entry.
            true => 8 * (rows + 1) + stored * (value + 4),
            false => stored * value,
        }
    });
    bytes.sum()
}

pub(super) fn run(arguments: &FitArguments) -> anyhow::Result<Ending> {
    arguments.solving.nmf()?;
    outputs::check_results(
        &arguments.output,
        arguments.split_w.then_some(rows_of_w::FOLDER),
    )?;
    let kept = Checkpoint::of(&arguments.keeping, arguments.reporting.quiet)?;
    let cut = Cut::open(arguments)?.ok_or_else(|| Cut::refusal(arguments))?;
    let progress = Progress::begin(format!("reading {}", cut.name), arguments.reporting.quiet);
    match cut.stored.precision() {
        Precision::F32 => fit_here::<f32>(arguments, &cut, kept, progress),
        Precision::F64 => fit_here::<f64>(arguments, &cut, kept, progress),
    }
}

fn fit_here<T: Number>(
    arguments: &FitArguments,
    cut: &Cut,
    kept: Option<Kept>,
    progress: Progress,
) -> anyhow::Result<Ending> {
    let limit = Limit::from(arguments.memory).less(cut.stored.memory());
    let held = cut.held::<T>(0..cut.pieces, limit)?;
    let blocks: Vec<_> = held.iter().map(Held::matrix).collect();
    let needed = cut.needed(&arguments.solving.nmf()?, &blocks);
    let memory = limit.less(bytes_of(&blocks));
    let mut kept = kept;
    let fit = fit::job(arguments, &cut.name, memory, &progress).run_by(
        (cut.stored.shape(), needed),
        kept.as_mut(),
        |nmf, start, state, observer| match state {
            Some(state) => nmf.resume(&blocks, start, state, observer),
            None => nmf.fit_with(&blocks, start, observer),
        },
    )?;
    let mut fit = fit;
    let mut staged = Staged::begin(&arguments.output)?;
    if arguments.split_w {
        let (folder, k) = (staged.folder(rows_of_w::FOLDER)?, fit.w.cols());
        let w = std::mem::replace(&mut fit.w, Dense::zeros(0, k));
        for index in 0..cut.pieces {
            let rows = piece(w.rows(), cut.pieces, index);
            let rows = &w.as_slice()[rows.start * k..rows.end * k];
            rows_of_w::write(&folder, index, rows, k)?;
        }
    }
    let data = cut.data(fit.nonzeros, arguments.split_w);
    let solved = (fit, kept.map(|kept| kept.0));
    fit::finish(arguments, data, solved, (staged, progress), None)
}
