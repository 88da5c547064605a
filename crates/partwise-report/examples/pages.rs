//! Writes a page of every kind, from made-up data, into a folder: `cargo run --example pages -- FOLDER`.
//!
//! The browser tests open these. Names and words in them try to break out of the page.

use std::{env, error::Error, f64::consts::TAU, fs, path::PathBuf};

use partwise_report::{
    AudioSection, DocumentTopics, FieldSizes, ImageSection, Note, PartsSection, Raster, RateCurve,
    RatePoint, Run, Section, Source, Strokes, SurveyComponent, SurveyCurve, SurveyRank,
    SurveySection, Topic, TopicsSection, TracePoint, page, plain_page,
};
use serde_json::json;

/// What every word of the pages must survive.
const HOSTILE: &str = "</script><img src=x onerror=\"document.title='broken'\">&amp;<!--";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("which folder?")?);
    fs::create_dir_all(&folder)?;
    let write = |name: &str, text: String| fs::write(folder.join(format!("{name}.html")), text);

    let (section, psnr_db) = picture(96, 64, 3, 8, true)?;
    let mut photo = run("photo.png", 8, [64, 288]);
    photo.set_figure("psnr_db", psnr_db)?;
    photo.set_figure("ssim", 0.9132)?;
    photo.set_figure("stored_values_ratio", 0.153)?;
    photo.set_figure("svd_relative_error", 0.031)?;
    write("image", page(&photo, &Section::Image(section))?)?;

    let (section, psnr_db) = picture(7, 120, 1, 1, false)?;
    let mut one = run(HOSTILE, 1, [120, 7]);
    one.set_figure("psnr_db", psnr_db)?;
    one.trace.truncate(1);
    write("image-one", page(&one, &Section::Image(section))?)?;

    let (section, psnr_db) = picture(1600, 1200, 1, 200, false)?;
    let mut large = run("large.png", 200, [1200, 1600]);
    large.set_figure("psnr_db", psnr_db)?;
    write("image-large", page(&large, &Section::Image(section))?)?;

    let faces = run("faces/", 6, [900, 144]);
    write("parts", page(&faces, &Section::Parts(parts(900, 12, 6)))?)?;
    let single = run("faces/", 1, [1, 4]);
    write("parts-one", page(&single, &Section::Parts(parts(1, 2, 1)))?)?;

    let corpus = run("news.jsonl", 9, [240, 300]);
    write("topics", page(&corpus, &Section::Topics(topics(9, 240)))?)?;
    let small = run("one.txt", 1, [1, 5]);
    write("topics-one", page(&small, &Section::Topics(topics(1, 1)))?)?;
    let many = run("many.txt", 200, [4000, 300]);
    write(
        "topics-many",
        page(&many, &Section::Topics(topics(200, 4000)))?,
    )?;

    let song = run("song.wav", 3, [513, 130]);
    write("audio", page(&song, &Section::Audio(audio(3, 1024)))?)?;
    write(
        "audio-strokes",
        page(&song, &Section::Audio(strokes(3, 1000)))?,
    )?;
    let mut beep = audio(1, 1000);
    beep.sources.truncate(1);
    beep.notes.clear();
    let one = run("beep.wav", 1, [513, 130]);
    write("audio-one", page(&one, &Section::Audio(beep))?)?;

    let counts = run("counts.csv", 4, [90, 40]);
    write(
        "survey",
        page(&counts, &Section::Survey(survey(2..=6, 90)))?,
    )?;
    let single = run("counts.csv", 1, [1, 1]);
    write(
        "survey-one",
        page(&single, &Section::Survey(survey(1..=1, 1)))?,
    )?;
    let many = run("counts.csv", 60, [5000, 400]);
    write(
        "survey-many",
        page(&many, &Section::Survey(survey(1..=60, 1000)))?,
    )?;

    let mut plain = run(HOSTILE, 4, [10, 6]);
    plain.command = [HOSTILE, "it's", "a b"].map(str::to_owned).to_vec();
    plain.stop_reason = HOSTILE.to_owned();
    plain.extra.insert(HOSTILE.to_owned(), json!(7));
    plain.parameters.insert(HOSTILE.to_owned(), json!(HOSTILE));
    write("plain", plain_page(&plain)?)?;
    Ok(())
}

fn run(input: &str, rank: u64, shape: [u64; 2]) -> Run {
    let mut run = Run {
        batches: false,
        version: "0.1.0".to_owned(),
        command: [
            "partwise",
            "image",
            input,
            "-k",
            &rank.to_string(),
            "-o",
            "out/",
        ]
        .map(str::to_owned)
        .to_vec(),
        parameters: [
            ("rank", json!(rank)),
            ("seed", json!(0)),
            ("tol", json!(1e-4)),
            ("solver", json!("auto")),
            ("start_w", json!(null)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        shape,
        nonzeros: shape[0] * shape[1],
        rank,
        loss: "frobenius".to_owned(),
        solver: "sketched".to_owned(),
        objective: 12.5,
        relative_error: Some(0.0412),
        iterations: 60,
        converged: true,
        stop_reason: "converged".to_owned(),
        seconds: 1.42,
        trace: (0..=60)
            .map(|iteration| TracePoint {
                iteration,
                seconds: iteration as f64 * 0.02,
                objective: 12.5 + 900.0 * (-0.2 * iteration as f64).exp(),
                residual: (iteration > 0).then(|| 0.5 * (-0.1 * iteration as f64).exp()),
                sketched: (1..20).contains(&iteration),
            })
            .collect(),
        extra: serde_json::Map::new(),
    };
    run.extra.insert("input".to_owned(), json!(input));
    run.extra.insert("init".to_owned(), json!("nndsvda"));
    run.extra.insert("seed".to_owned(), json!(0));
    run
}

/// Numbers of 0..1 that look random and are the same every time.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2) + 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    }
}

/// Bumps along a line, one for each component: they overlap, so that the layers do.
fn bumps(rank: usize, length: usize, phase: f64) -> Vec<f32> {
    let mut values = Vec::with_capacity(rank * length);
    for c in 0..rank {
        for i in 0..length {
            let place = i as f64 / length as f64;
            let centre = (c as f64 * 0.618 + phase).fract();
            let width = 0.08 + 0.3 / (1.0 + c as f64);
            let height = (-((place - centre) / width).powi(2)).exp();
            values.push((height * 1.1 / (1.0 + 0.5 * c as f64).sqrt()) as f32);
        }
    }
    values
}

/// A picture near W H, and the PSNR of W H against it.
fn picture(
    width: usize,
    height: usize,
    channels: usize,
    rank: usize,
    rates: bool,
) -> Result<(ImageSection, f64), Box<dyn Error>> {
    let n = width * channels;
    let columns = bumps(rank, height, 0.2);
    let w: Vec<f32> = (0..height * rank)
        .map(|i| columns[(i % rank) * height + i / rank])
        .collect();
    let h = bumps(rank, n, 0.45);
    let mut noise = noise(7);
    let mut samples = vec![0.0_f32; height * n];
    let mut squares = 0.0;
    for y in 0..height {
        for j in 0..n {
            let sum: f32 = (0..rank).map(|c| w[y * rank + c] * h[c * n + j]).sum();
            let shown = f64::from(sum.clamp(0.0, 1.0));
            let byte = (255.0 * (shown + 0.12 * (noise() - 0.5)).clamp(0.0, 1.0)).round();
            let (x, c) = (j % width, j / width);
            samples[(y * width + x) * channels + c] = (byte / 255.0) as f32;
            squares += (shown - byte / 255.0).powi(2);
        }
    }
    let psnr_db = -10.0 * (squares / (height * n) as f64).log10();
    let original = match channels {
        1 => Raster::grey(width, height, samples)?,
        _ => Raster::rgb(width, height, samples)?,
    };
    let curve = |method: &str, gain: f64| RateCurve {
        method: method.to_owned(),
        points: (1..8)
            .map(|step| RatePoint {
                bytes: 400 << step,
                psnr_db: gain + 3.1 * f64::from(step),
                ssim: 1.0 - 0.5 / f64::from(step),
                label: format!("step {step}"),
            })
            .collect(),
    };
    let rate_distortion = if rates {
        vec![
            curve("NMF", 16.0),
            curve("JPEG", 19.0),
            curve(HOSTILE, 14.0),
        ]
    } else {
        Vec::new()
    };
    let section = ImageSection {
        name: if rank == 1 { HOSTILE } else { "photo.png" }.to_owned(),
        width,
        height,
        channels,
        rank,
        w,
        h,
        original,
        rate_distortion,
    };
    Ok((section, psnr_db))
}

/// Pictures of side × side that are sums of stripes.
fn parts(images: usize, side: usize, rank: usize) -> PartsSection {
    let pixels = side * side;
    let mut noise = noise(3);
    let mut h = vec![0.0_f32; rank * pixels];
    for c in 0..rank {
        for i in 0..side {
            let line = (c * side / rank) % side;
            let place = if c % 2 == 0 {
                line * side + i
            } else {
                i * side + line
            };
            h[c * pixels + place] = 1.0;
        }
    }
    let w: Vec<f32> = (0..images * rank)
        .map(|_| (noise() * 2.0 - 0.7).max(0.0) as f32)
        .collect();
    let mut values = vec![0.0_f32; images * pixels];
    for i in 0..images {
        for p in 0..pixels {
            let sum: f32 = (0..rank).map(|c| w[i * rank + c] * h[c * pixels + p]).sum();
            values[i * pixels + p] = sum + 0.05 * noise() as f32;
        }
    }
    let names = (0..images).map(|i| match i {
        0 => HOSTILE.to_owned(),
        _ => format!("face-{i:04}.png"),
    });
    let sparseness: Vec<f64> = (0..rank).map(|c| 0.7 + 0.02 * c as f64).collect();
    PartsSection {
        width: side,
        height: side,
        rank,
        names: names.collect(),
        images: values,
        w,
        h,
        part_sparseness: sparseness,
        code_sparseness: Vec::new(),
    }
}

fn topics(count: usize, documents: usize) -> TopicsSection {
    const WORDS: [&str; 12] = [
        "river", "market", "engine", "vote", "galaxy", "violin", "harvest", "virus", "goal",
        "court", "bridge", "film",
    ];
    let mut noise = noise(11);
    let term = |topic: usize, place: usize| {
        format!("{}{}", WORDS[(topic * 5 + place) % 12], topic * 12 + place)
    };
    let shares: Vec<f64> = (0..count).map(|_| 0.3 + noise()).collect();
    let total: f64 = shares.iter().sum();
    let topics = (0..count)
        .map(|t| {
            let mut terms: Vec<(String, f64)> = (0..12)
                .map(|place| (term(t, place), 1.0 / (1.0 + place as f64)))
                .collect();
            if t == 0 {
                terms[1].0 = HOSTILE.to_owned();
            }
            let names: Vec<&str> = terms
                .iter()
                .take(3)
                .map(|(term, _)| term.as_str())
                .collect();
            Topic {
                name: names.join(", "),
                share: shares[t] / total,
                npmi: Some(0.25 - 0.4 * t as f64 / count as f64),
                position: [noise() * 2.0, noise() * 2.0],
                typical: (0..documents).filter(|d| d % count == t).take(5).collect(),
                terms,
            }
        })
        .collect();
    let documents: Vec<DocumentTopics> = (0..documents)
        .map(|d| {
            let main = d % count;
            let words: Vec<String> = (0..14)
                .map(|place| term(main, (place * 7 + d) % 12))
                .collect();
            let mut weights = vec![(main, 0.6 + 0.3 * noise())];
            if count > 1 {
                weights.push(((main + 1) % count, 0.1));
            }
            DocumentTopics {
                id: format!("document {d}"),
                text: if d == 0 {
                    HOSTILE.to_owned()
                } else {
                    words.join(" ")
                },
                field: (count > 1).then(|| (1990 + d % 8).to_string()),
                weights,
            }
        })
        .collect();
    let field = (count > 1).then(|| {
        let row = |_| {
            let sizes: Vec<f64> = (0..count).map(|_| 0.1 + noise()).collect();
            let sum: f64 = sizes.iter().sum();
            sizes.iter().map(|size| size / sum).collect()
        };
        FieldSizes {
            field: "year".to_owned(),
            values: (1990..1998).map(|year| year.to_string()).collect(),
            shares: (0..8).map(row).collect(),
        }
    });
    TopicsSection {
        topics,
        total_documents: documents.len() + 1000,
        documents,
        coherence: Some(0.113),
        diversity: 0.94,
        field,
    }
}

/// Tones, one a component, each sounding in its own stretches of the recording.
fn hann(frame: usize) -> Vec<f32> {
    let weight = |i: usize| 0.5 - 0.5 * (TAU * i as f64 / frame as f64).cos();
    (0..frame).map(|i| weight(i) as f32).collect()
}

/// The same with a click every half second, set aside as strokes; components last two frames.
fn strokes(rank: usize, frame: usize) -> AudioSection {
    let mut section = audio(rank, frame);
    for sample in section.samples.chunks_mut(section.sample_rate as usize / 2) {
        for (i, x) in sample.iter_mut().take(30).enumerate() {
            *x += if i % 2 == 0 { 0.8 } else { -0.8 };
        }
    }
    let half: Vec<f32> = section.w.iter().map(|x| 0.5 * x).collect();
    section.w = [&half[..], &half[..]].concat();
    section.taps = 2;
    section.power = 2.0;
    section.strokes = Some(Strokes {
        along_time: 5,
        along_frequency: 12,
    });
    section.window = section.window.iter().map(|x| x.sqrt()).collect();
    section
}

fn audio(rank: usize, frame: usize) -> AudioSection {
    const RATE: u32 = 11_025;
    const LENGTH: usize = 33_075;
    let hop = frame / 4;
    let frames = LENGTH / hop + 1;
    let frequency = |c: usize| 440.0 * 1.5_f64.powi(c as i32);
    let period = |c: usize| 0.5 + 0.25 * c as f64;
    let loud = |c: usize, seconds: f64| (seconds / period(c)).fract() < 0.6;
    let mut samples = vec![0.0_f32; LENGTH];
    for (i, sample) in samples.iter_mut().enumerate() {
        let seconds = i as f64 / f64::from(RATE);
        for c in 0..rank {
            if loud(c, seconds) {
                *sample += (0.25 * (TAU * frequency(c) * seconds).sin()) as f32;
            }
        }
    }
    let bins = frame / 2 + 1;
    let mut w = vec![1e-5_f32; rank * bins];
    let mut h = vec![1e-4_f32; rank * frames];
    let mut notes = Vec::new();
    for c in 0..rank {
        let bin = (frequency(c) / f64::from(RATE) * frame as f64).round() as usize;
        for (offset, value) in [(0, 1.0), (1, 0.5), (2, 0.05)] {
            w[c * bins + bin + offset] = value;
            w[c * bins + bin - offset] = value;
        }
        for t in 0..frames {
            if loud(c, (t * hop) as f64 / f64::from(RATE)) {
                h[c * frames + t] = 60.0;
            }
        }
        let mut onset = 0.0;
        while onset < 3.0 {
            let midi = 69.0 + 12.0 * (frequency(c) / 440.0).log2();
            notes.push(Note {
                component: c,
                onset,
                end: onset + 0.6 * period(c),
                midi: (c < 2).then_some(midi),
                strength: 1.0 + c as f64,
            });
            onset += period(c);
        }
    }
    let source = |name: &str, components: Vec<usize>| Source {
        name: name.to_owned(),
        components,
    };
    AudioSection {
        name: "song.wav".to_owned(),
        sample_rate: RATE,
        samples,
        frame,
        hop,
        rank,
        exponent: 1.0,
        window: hann(frame),
        taps: 1,
        w,
        h,
        power: 1.0,
        strokes: None,
        sources: vec![source("low", vec![0]), source(HOSTILE, (1..rank).collect())],
        notes,
        note: Some("the first 3 s of 600 s".to_owned()),
    }
}

/// A survey of ranks: with one more component a tenth of the samples go to the new one.
fn survey(ranks: std::ops::RangeInclusive<usize>, count: usize) -> SurveySection {
    let (least, most) = (*ranks.start(), *ranks.end());
    let ratio = |rank: usize| 1.0 / rank as f64;
    let curve = |method: &str, measure: &str, weak, value: &dyn Fn(usize) -> f64| SurveyCurve {
        method: method.to_owned(),
        title: format!("what {method} looks at"),
        source: "Nobody 2000".to_owned(),
        measure: measure.to_owned(),
        weak,
        points: ranks.clone().map(|rank| (rank, value(rank))).collect(),
        proposed: Some(if weak { least } else { (least + most) / 2 }),
        reason: Some(format!("{HOSTILE} is the least")),
    };
    let component = |rank: usize, t: usize| SurveyComponent {
        features: (0..12)
            .map(|j| match (t, j) {
                (0, 0) => (HOSTILE.to_owned(), 0.3),
                _ => (
                    format!("feature {}", (t * 7 + j * 3) % 40),
                    0.2 / (1 + j) as f64,
                ),
            })
            .collect(),
        stability: (rank > 1).then(|| 1.0 - 0.1 * (t * rank) as f64 / most as f64),
    };
    let group = |rank: usize, i: usize| {
        // Sample i has stayed where it was since the last rank at which it moved.
        let moved = (2..=rank)
            .rev()
            .find(|&at| (i * 7919 + at * 104_729).is_multiple_of(10));
        moved.map_or(0, |at| at as u32 - 1)
    };
    SurveySection {
        curves: vec![
            curve("cv", "held-out error", false, &|rank| {
                ratio(rank) + 0.01 * rank as f64
            }),
            curve("stability", "worst silhouette", false, &ratio),
            curve("elbow", "relative error", true, &ratio),
        ],
        ranks: ranks
            .clone()
            .map(|rank| SurveyRank {
                rank,
                components: (0..rank).map(|t| component(rank, t)).collect(),
                groups: (0..count).map(|i| group(rank, i)).collect(),
            })
            .collect(),
        samples: (0..count).map(|i| format!("sample {i}")).collect(),
        total: count,
        chosen: (least + most) / 2,
        why: "Rank 4 by cv: it is the smallest within one standard error of the least.".to_owned(),
    }
}
