//! `partwise parts`: many equally large pictures as sums of parts.

use std::path::Path;

use anyhow::{Context, bail};
use partwise::Matrix;
use partwise_apps::image::DEFAULT_LIMIT_BYTES;
use partwise_apps::parts::{Album, Parts, load_folder};
use partwise_report::{
    Cell, GALLERY_CELLS, Gallery, PartsSection, Raster, Run, Section, Shading, Sum, Term, decimal,
    gallery, percent, sums,
};

use crate::arguments::{PartsArguments, Shape};
use crate::factor::Job;
use crate::interrupt::Ending;
use crate::memory::Limit;
use crate::number::dense_from_file;
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::{input, memory, page};

/// Pictures that are shown as sums, evenly spread over all.
const SUMS: usize = 8;
/// Parts that are shown of each.
const TERMS: usize = 7;

pub(crate) fn run(arguments: &PartsArguments) -> anyhow::Result<Ending> {
    let PartsArguments {
        solving, reporting, ..
    } = arguments;
    solving.check_parts()?;
    outputs::check_results(&arguments.output, ["parts.png", "sums.png"])?;
    let folder = |path: &Path| path.canonicalize().ok().filter(|path| path.is_dir());
    if folder(&arguments.input).is_some_and(|input| folder(&arguments.output) == Some(input)) {
        bail!(
            "{}: is where the pictures are, and the next run would take the results for some; expected another folder",
            arguments.output.display()
        );
    }
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), reporting.quiet);
    let album = album(arguments, &name, &progress)?;
    let (pictures, pixels) = (album.names.len(), album.pixels());
    if solving.rank > pixels {
        bail!(
            "k is {}, but the pictures in {name} have {} × {} = {pixels} pixels; expected at most that many parts",
            solving.rank,
            album.width,
            album.height
        );
    }
    let v = Matrix::row_major(&album.values, pictures, pixels)?;
    let job = Job {
        solving,
        input: &name,
        convert_starts: true,
        memory: Limit::default(),
        quiet: reporting.quiet,
        progress: &progress,
    };
    let fit = job.run(&v, None)?;
    let stop = fit.stop;

    progress.doing("looking at the parts");
    let data = Data {
        input: name,
        shape: (pictures, pixels),
        nonzeros: album.values.iter().filter(|value| **value != 0.0).count(),
        row_names: Some(album.names.clone()),
        col_names: None,
    };
    let mut run = record::run(&data, solving, &fit)?;
    let parts = Parts::new(&album, fit.w.as_slice(), fit.h.as_slice(), solving.rank)?;
    let figures = Figures::of(&parts);
    figures.record(&mut run, &album)?;

    progress.doing("drawing");
    let title = arguments.input.file_name().unwrap_or_default();
    let title = title.to_string_lossy();
    let parts_png = parts_picture(&title, &album, &parts, &figures)?;
    let sums_png = sums_picture(&title, &album, &parts)?;
    let section = Section::Parts(PartsSection {
        width: album.width,
        height: album.height,
        rank: solving.rank,
        names: album.names.clone(),
        images: album.values.clone(),
        w: fit.w.as_slice().to_vec(),
        h: fit.h.as_slice().to_vec(),
        part_sparseness: figures.parts.clone(),
        code_sparseness: figures.codes.clone(),
    });

    progress.doing("writing the results");
    let model = record::model(data, &run, fit);
    let mut staged = Staged::begin(&arguments.output)?;
    staged.write("parts.png", &parts_png)?;
    staged.write("sums.png", &sums_png)?;
    record::stage(&mut staged, &run, &model)?;
    page::stage(&mut staged, &run, &arguments.page, &section)?;
    let written = staged.commit()?;
    drop(progress);

    let mut table = record::table(&run, solving);
    figures.list(&mut table, &album);
    record::finish(&run, table, &written, (stop, &arguments.output), reporting)
}

/// The pictures: of a folder, or the rows of a matrix.
fn album(arguments: &PartsArguments, name: &str, progress: &Progress) -> anyhow::Result<Album> {
    if let Some(Shape { height, width }) = arguments.shape {
        let matrix = input::read_as::<f32>(&arguments.input, None)?;
        let dense = dense_from_file(matrix.matrix)?;
        let (rows, columns) = (dense.rows(), dense.cols());
        let album = Album::from_rows(dense.into_values(), rows, columns, (height, width));
        let mut album = album.with_context(|| name.to_owned())?;
        if let Some(names) = matrix.row_names {
            album.names = names;
        }
        return Ok(album);
    }
    if arguments.input.is_file() {
        bail!("{name} is a file; expected a folder of pictures, or --shape for a matrix of them");
    }
    let limit = memory::available().min(DEFAULT_LIMIT_BYTES);
    let watch = |done: usize, all: usize| {
        progress.doing(format!("reading {name} · picture {} of {all}", done + 1));
    };
    Ok(load_folder(&arguments.input, limit, &watch)?)
}

/// How sparse parts and codes are.
#[derive(Debug)]
struct Figures {
    parts: Vec<f64>,
    codes: Vec<f64>,
}

impl Figures {
    fn of(parts: &Parts<'_>) -> Self {
        Self {
            parts: parts.part_sparseness(),
            codes: parts.code_sparseness(),
        }
    }

    fn record(&self, run: &mut Run, album: &Album) -> anyhow::Result<()> {
        let extra = &mut run.extra;
        extra.insert("width".to_owned(), album.width.into());
        extra.insert("height".to_owned(), album.height.into());
        extra.insert("white".to_owned(), album.white.into());
        extra.insert("part_sparseness".to_owned(), self.parts.clone().into());
        extra.insert("code_sparseness".to_owned(), self.codes.clone().into());
        run.set_figure("mean_part_sparseness", mean(&self.parts))?;
        run.set_figure("mean_code_sparseness", mean(&self.codes))?;
        Ok(())
    }

    fn list(&self, table: &mut crate::table::Table, album: &Album) {
        table.row(
            "pictures",
            format!(
                "{} of {} × {} pixels",
                album.names.len(),
                album.width,
                album.height
            ),
        );
        if album.white != 1.0 {
            let white = decimal(album.white.into(), 6);
            table.row("white", format!("{white}; V was divided by that"));
        }
        table.row("sparseness of parts", spread(&self.parts));
        table.row("sparseness of codes", spread(&self.codes));
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Mean, least and largest, in words.
fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!(
        "mean {}, from {} to {} (Hoyer 2004: 0 even, 1 all in one entry)",
        decimal(mean(values), 3),
        decimal(least, 3),
        decimal(most, 3)
    )
}

/// The parts, the brightest first.
fn parts_picture(
    title: &str,
    album: &Album,
    parts: &Parts<'_>,
    figures: &Figures,
) -> anyhow::Result<Vec<u8>> {
    let shares = parts.by_share();
    let mut cells = Vec::new();
    for share in shares.iter().take(GALLERY_CELLS) {
        cells.push(Cell {
            picture: Raster::grey(album.width, album.height, parts.part(share.part).to_vec())?,
            caption: format!("{}: {}", share.part + 1, percent(share.share)),
        });
    }
    let note = format!(
        "Each part is a row of H, with its number and its share of all pictures' brightness. Mean sparseness \
         (Hoyer 2004) of the parts {}, of their use {}.",
        decimal(mean(&figures.parts), 3),
        decimal(mean(&figures.codes), 3)
    );
    let figure = gallery(&Gallery {
        title: &format!(
            "{title}: {} parts of {} pictures",
            shares.len(),
            album.names.len()
        ),
        note: &note,
        cells: &cells,
        total: shares.len(),
        shading: Shading::Grey,
    })?;
    Ok(figure.to_png()?)
}

/// Some pictures as sums of their strongest parts.
fn sums_picture(title: &str, album: &Album, parts: &Parts<'_>) -> anyhow::Result<Vec<u8>> {
    let all = album.names.len();
    let shown = all.min(SUMS);
    let raster = |samples: Vec<f32>| Raster::grey(album.width, album.height, samples);
    let mut rows = Vec::new();
    for place in 0..shown {
        let index = place * all / shown;
        let shares = parts.of_picture(index);
        let used = shares.iter().filter(|share| share.share > 0.0);
        let mut terms = Vec::new();
        for share in used.clone().take(TERMS) {
            let weight = parts.weights(index)[share.part];
            let part = parts.part(share.part).iter();
            terms.push(Term {
                picture: raster(part.map(|value| weight * value).collect())?,
                caption: format!("{}: {}", share.part + 1, percent(share.share)),
            });
        }
        let more = used.count() - terms.len();
        rows.push(Sum {
            name: album.names[index].clone(),
            original: raster(album.picture(index).to_vec())?,
            total: raster(parts.sum(index))?,
            terms,
            rest: match more {
                0 => String::new(),
                more => format!("+ {more} more"),
            },
        });
    }
    let figure = sums(
        &format!("{title}: pictures as sums of parts"),
        "A picture, the sum of all its parts, and its strongest parts times their weights, with their numbers and their \
         shares of the sum. Each row has one scale of brightness.",
        &rows,
    )?;
    Ok(figure.to_png()?)
}
