//! `partwise image`: a picture into layers and back.

use anyhow::{Context, bail};
use partwise::{Dense, Factorization, Matrix, StopReason};
use partwise_apps::image::{
    Channels, DEFAULT_LIMIT_BYTES, Layers, PictureMatrix, load, psnr_db, ssim, stored_values_ratio,
};
use partwise_report::{
    Cell, Comparison, GALLERY_CELLS, Gallery, ImageSection, Raster, Run, Section, Shading,
    comparison, decimal, gallery, percent, quality_caption,
};

use crate::arguments::{ImageArguments, SolvingArguments};
use crate::factor::Job;
use crate::factoriser::Engine;
use crate::interrupt::{self, Ending};
use crate::memory::Limit;
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::rate::Rates;
use crate::record::{self, Data};
use crate::{input, memory, page, terminal};

/// Longest side of a layer's picture in pixels: more than any cell of a gallery has.
const LAYER_SIDE: usize = 480;

pub(crate) fn run(arguments: &ImageArguments) -> anyhow::Result<Ending> {
    let ImageArguments {
        solving, reporting, ..
    } = arguments;
    solving.check_parts()?;
    outputs::check_results(
        &arguments.output,
        [
            "comparison.png",
            "components.png",
            "rate_distortion.png",
            "reconstruction.png",
        ],
    )?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), reporting.quiet);
    let channels = if arguments.color {
        Channels::Colour
    } else {
        Channels::Grey
    };
    let limit = memory::available().min(DEFAULT_LIMIT_BYTES);
    let original = load(&arguments.input, channels, limit)?;
    let (rows, cols) = original.shape();
    if solving.rank > rows.min(cols) {
        bail!(
            "k is {}, but {name} is {} × {} pixels; expected at most {} components",
            solving.rank,
            original.width(),
            original.height(),
            rows.min(cols)
        );
    }
    let v = Matrix::row_major(original.values(), rows, cols)?;
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

    progress.doing("looking how good the picture is");
    let data = Data {
        input: name.clone(),
        shape: (rows, cols),
        nonzeros: original
            .values()
            .iter()
            .filter(|value| **value != 0.0)
            .count(),
        row_names: None,
        col_names: None,
    };
    let mut run = record::run(&data, solving, &fit)?;
    run.parameters
        .insert("color".to_owned(), arguments.color.into());
    let reconstruction = reconstruction(&original, &fit)?;
    let figures = Figures {
        psnr_db: psnr_db(&original, &reconstruction)?,
        ssim: ssim(&original, &reconstruction)?,
        stored_values_ratio: stored_values_ratio(original.shape(), solving.rank),
        svd_relative_error: svd_relative_error(&v, solving)?,
    };
    figures.record(&mut run)?;
    let engine = Engine {
        threads: solving.threads,
    };
    let rates = if arguments.no_rate_distortion || stop == StopReason::Stopped {
        None
    } else {
        Rates::of(&original, &engine, &progress)?
    };
    if let Some(rates) = &rates {
        rates.record(&mut run);
    }

    progress.doing("drawing");
    let title = arguments
        .input
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let pictures = Pictures {
        title: &title,
        original: &original,
        reconstruction: &reconstruction,
    };
    let components = pictures.components(&fit)?;
    let comparison = pictures.comparison(&figures.caption(solving.rank))?;
    let reconstruction_png = reconstruction.to_png()?;
    let curves = rates.as_ref().map(|rates| rates.draw(&title)).transpose()?;
    let section = Section::Image(ImageSection {
        name: title.to_string(),
        width: original.width(),
        height: original.height(),
        channels: original.channels().count(),
        rank: solving.rank,
        w: fit.w.as_slice().to_vec(),
        h: fit.h.as_slice().to_vec(),
        original: raster(&original)?,
        rate_distortion: rates.as_ref().map_or_else(Vec::new, Rates::for_page),
    });

    progress.doing("writing the results");
    let model = record::model(data, &run, fit);
    let mut staged = Staged::begin(&arguments.output)?;
    staged.write("reconstruction.png", &reconstruction_png)?;
    staged.write("comparison.png", &comparison)?;
    staged.write("components.png", &components)?;
    if let Some(curves) = curves {
        staged.write("rate_distortion.png", &curves)?;
    }
    record::stage(&mut staged, &run, &model)?;
    page::stage(&mut staged, &run, &arguments.page, &section)?;
    let written = staged.commit()?;
    drop(progress);

    let mut table = record::table(&run, solving);
    figures.list(&mut table);
    if let Some(rates) = &rates {
        rates.list(&mut table);
    }
    let end = (stop, arguments.output.as_path());
    let ending = record::finish(&run, table, &written, end, reporting)?;
    // The fit was done by then.
    let left_out = rates.is_none() && !arguments.no_rate_distortion;
    let cut_short = left_out && interrupt::requested() && stop != StopReason::Stopped;
    if cut_short && !reporting.quiet {
        terminal::note("stopped; the curves of quality over bytes are left out");
    }
    Ok(if cut_short { Ending::Stopped } else { ending })
}

/// W H as a picture, clipped as its pixels will be.
fn reconstruction(
    original: &PictureMatrix,
    fit: &Factorization<f32>,
) -> anyhow::Result<PictureMatrix> {
    let mut values: Dense<f32> = fit.reconstruct();
    for value in values.as_mut_slice() {
        *value = value.clamp(0.0, 1.0);
    }
    Ok(original.with_values(values.into_values())?)
}

/// The least error that any matrix of this rank could have.
fn svd_relative_error(v: &Matrix<'_, f32>, solving: &SolvingArguments) -> anyhow::Result<f64> {
    if solving.rank == v.rows().min(v.cols()) {
        return Ok(0.0);
    }
    let svd = partwise::truncated_svd(v, solving.rank, solving.seed, solving.threads)
        .context("the best possible error")?;
    Ok(svd.relative_error)
}

/// How good and how small.
#[derive(Debug)]
struct Figures {
    psnr_db: f64,
    ssim: f64,
    stored_values_ratio: f64,
    svd_relative_error: f64,
}

impl Figures {
    fn record(&self, run: &mut Run) -> anyhow::Result<()> {
        run.set_figure("psnr_db", self.psnr_db)?;
        run.set_figure("ssim", self.ssim)?;
        run.set_figure("stored_values_ratio", self.stored_values_ratio)?;
        run.set_figure("svd_relative_error", self.svd_relative_error)?;
        Ok(())
    }

    fn caption(&self, rank: usize) -> String {
        quality_caption(
            rank as u64,
            self.psnr_db,
            self.ssim,
            self.stored_values_ratio,
        )
    }

    fn list(&self, table: &mut crate::table::Table) {
        table.row(
            "best possible error",
            format!("{} (truncated SVD)", percent(self.svd_relative_error)),
        );
        table.row("PSNR", format!("{} dB", decimal(self.psnr_db, 4)));
        table.row("SSIM", decimal(self.ssim, 4));
        table.row(
            "stored values",
            format!("{} of the picture's", percent(self.stored_values_ratio)),
        );
    }
}

/// What is drawn.
#[derive(Debug)]
struct Pictures<'a> {
    title: &'a str,
    original: &'a PictureMatrix,
    reconstruction: &'a PictureMatrix,
}

impl Pictures<'_> {
    fn comparison(&self, caption: &str) -> anyhow::Result<Vec<u8>> {
        let figure = comparison(&Comparison {
            title: self.title,
            original: &raster(self.original)?,
            reconstruction: &raster(self.reconstruction)?,
            caption,
        })?;
        Ok(figure.to_png()?)
    }

    /// The layers, the brightest first.
    fn components(&self, fit: &Factorization<f32>) -> anyhow::Result<Vec<u8>> {
        let rank = fit.h.rows();
        let layers = Layers::new(self.original, fit.w.as_slice(), fit.h.as_slice(), rank)?;
        let mut cells = Vec::new();
        for (place, layer) in layers
            .by_share()
            .into_iter()
            .take(GALLERY_CELLS)
            .enumerate()
        {
            cells.push(Cell {
                picture: raster(&layers.picture(layer.component, LAYER_SIDE)?)?,
                caption: format!("{}: {}", place + 1, percent(layer.share)),
            });
        }
        let figure = gallery(&Gallery {
            title: &format!("{}: its layers, brightest first", self.title),
            note: "Each layer is one column of W times one row of H, with its share of the picture's brightness; the \
                   reconstruction is their sum. Their numbers are of this order, not the model's.",
            cells: &cells,
            total: rank,
            shading: Shading::Grey,
        })?;
        Ok(figure.to_png()?)
    }
}

fn raster(picture: &PictureMatrix) -> anyhow::Result<Raster> {
    let (width, height) = (picture.width(), picture.height());
    let samples = picture.interleaved();
    Ok(match picture.channels() {
        Channels::Grey => Raster::grey(width, height, samples)?,
        Channels::Colour => Raster::rgb(width, height, samples)?,
    })
}
