//! The figures' structure: they decode, say what they should, and no text is clipped or covered.

use std::sync::Arc;

use partwise_report::{
    Axis, BAR_PANELS, BarPanel, Bars, Cell, Chart, Cluster, Clustergram, Comparison, Figure,
    GALLERY_CELLS, Gallery, HeatMap, PIXELS_PER_UNIT, Panel, Raster, ReportError, Scale, Series,
    Shading, Side, bars, clustergram, comparison, gallery, heat_map, line_chart, quality_caption,
};
use resvg::{tiny_skia::Pixmap, usvg};

/// Space that ties a number to its unit.
const TIE: &str = "\u{a0}";

/// A text of a figure with its left, top, right and bottom.
type Placed = (String, [f32; 4]);

fn texts(figure: &Figure) -> Vec<Placed> {
    fn walk(group: &usvg::Group, found: &mut Vec<Placed>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => walk(group, found),
                usvg::Node::Text(text) => {
                    let words = text.chunks().iter().map(|chunk| chunk.text()).collect();
                    let area = text.abs_bounding_box();
                    let sides = [area.left(), area.top(), area.right(), area.bottom()];
                    found.push((words, sides));
                }
                _ => {}
            }
        }
    }
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../../assets/DejaVuSans.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../../assets/DejaVuSans-Bold.ttf").to_vec());
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(figure.svg(), &options).expect("the SVG parses");
    let mut found = Vec::new();
    walk(tree.root(), &mut found);
    assert!(!found.is_empty(), "a figure has words");
    found
}

/// Every text lies on the sheet, none on another, and no number went wrong.
fn assert_sound(figure: &Figure) {
    // Embedded pictures are base64, which may spell anything.
    let drawn = |line: &&str| !line.starts_with("<image");
    for line in figure.svg().lines().filter(drawn) {
        assert!(!line.contains("NaN") && !line.contains("\"inf"), "{line}");
    }
    let texts = texts(figure);
    for (index, (words, [left, top, right, bottom])) in texts.iter().enumerate() {
        let inside = *left >= 4.0
            && *top >= 4.0
            && f64::from(*right) <= figure.width() - 4.0
            && f64::from(*bottom) <= figure.height() - 4.0;
        assert!(
            inside,
            "{words:?} runs off: {left}, {top}, {right}, {bottom}"
        );
        for (other, sides) in &texts[index + 1..] {
            // Boxes are as tall as the font; half a line of leading may be shared.
            let apart = sides[0] >= *right
                || sides[2] <= *left
                || sides[1] + 5.0 >= *bottom
                || sides[3] <= *top + 5.0;
            assert!(apart, "{words:?} lies on {other:?}");
        }
    }
}

fn assert_says(figure: &Figure, wanted: &str) {
    let texts = texts(figure);
    let said = texts.iter().any(|(words, _)| words.contains(wanted));
    assert!(said, "{wanted:?} is missing among {texts:?}");
}

fn rendered(figure: &Figure) -> Pixmap {
    let pixmap =
        Pixmap::decode_png(&figure.to_png().expect("the figure renders")).expect("the PNG decodes");
    let pixels = |units: f64| units as u32 * PIXELS_PER_UNIT as u32;
    assert_eq!(
        (pixmap.width(), pixmap.height()),
        (pixels(figure.width()), pixels(figure.height()))
    );
    pixmap
}

/// Left, top, width and height in units of every picture in the figure.
fn pictures(figure: &Figure) -> Vec<[f64; 4]> {
    let attribute = |line: &str, name: &str| -> f64 {
        let start = line.find(&format!(" {name}=\"")).expect("the attribute") + name.len() + 3;
        let length = line[start..].find('"').expect("its end");
        line[start..start + length].parse().expect("a number")
    };
    figure
        .svg()
        .lines()
        .filter(|line| line.starts_with("<image"))
        .map(|line| ["x", "y", "width", "height"].map(|name| attribute(line, name)))
        .collect()
}

fn ramp(width: usize, height: usize) -> Raster {
    let count = width * height;
    let samples = (0..count).map(|v| (v * 37 % 256) as f32 / 255.0).collect();
    Raster::grey(width, height, samples).unwrap()
}

fn colourful(width: usize, height: usize) -> Raster {
    let count = 3 * width * height;
    let samples = (0..count).map(|v| (v * 37 % 256) as f32 / 255.0).collect();
    Raster::rgb(width, height, samples).unwrap()
}

fn compared(original: &Raster, reconstruction: &Raster, title: &str) -> Figure {
    comparison(&Comparison {
        title,
        original,
        reconstruction,
        caption: &quality_caption(20, 24.3, 0.71, 0.079),
    })
    .expect("the pictures agree")
}

#[test]
fn comparisons_of_every_shape_are_sound() {
    let long = "a very long name of a picture ".repeat(8);
    for (width, height) in [
        (1, 1),
        (1, 500),
        (500, 1),
        (2, 7),
        (300, 200),
        (200, 300),
        (900, 700),
        (2000, 40),
    ] {
        for picture in [ramp(width, height), colourful(width, height)] {
            let figure = compared(&picture, &picture, &long);
            assert_sound(&figure);
            for words in ["Original", "Reconstruction", "Difference", "too dark"] {
                assert_says(&figure, words);
            }
            assert_says(&figure, &format!("{width} × {height} pixels"));
            assert_says(&figure, &format!("PSNR{TIE}24.3{TIE}dB"));
            assert_says(&figure, &format!("7.9{TIE}% of the picture's"));
            assert_eq!(pictures(&figure).len(), 4, "three pictures and the bar");
            assert!(figure.width() <= 1400.0 && figure.height() <= 1400.0);
        }
    }
    rendered(&compared(&ramp(1, 1), &ramp(1, 1), ""));
}

#[test]
fn names_cannot_break_the_figure() {
    let picture = ramp(3, 3);
    let figure = compared(
        &picture,
        &picture,
        "<b> & \"q\" \u{1}\u{ffff} 画像 \u{1f600}",
    );
    assert_says(&figure, "<b> & \"q\"");
    rendered(&figure);
}

#[test]
fn pixels_are_shown_as_they_are() {
    // Wide enough to be shown at its own size, and so narrow that it is enlarged.
    for (width, height) in [(400, 30), (5, 4)] {
        let picture = ramp(width, height);
        let figure = compared(&picture, &picture, "exact");
        let sheet = rendered(&figure);
        let [left, top, shown_width, shown_height] = pictures(&figure)[1];
        let pixel = |units: f64| (units * PIXELS_PER_UNIT as f64) as u32;
        for y in 0..pixel(shown_height) {
            for x in 0..pixel(shown_width) {
                let column = x as usize * width / pixel(shown_width) as usize;
                let row = y as usize * height / pixel(shown_height) as usize;
                let wanted = ((row * width + column) * 37 % 256) as u8;
                let shown = sheet.pixel(pixel(left) + x, pixel(top) + y).unwrap();
                assert_eq!(shown.red(), wanted, "at {x}, {y} of {width}×{height}");
            }
        }
    }
}

#[test]
fn differences_are_coloured_by_their_sign() {
    let original = Raster::grey(3, 1, vec![0.5, 0.5, 0.5]).unwrap();
    let reconstruction = Raster::grey(3, 1, vec![0.2, 0.5, 0.8]).unwrap();
    let figure = compared(&original, &reconstruction, "signs");
    assert_says(&figure, "−0.3");
    let sheet = rendered(&figure);
    let [left, top, width, height] = pictures(&figure)[2];
    let colour = |share: f64| {
        let scale = PIXELS_PER_UNIT as f64;
        let (x, y) = ((left + share * width) * scale, (top + 0.5 * height) * scale);
        sheet.pixel(x as u32, y as u32).unwrap()
    };
    let (dark, same, bright) = (colour(0.1), colour(0.5), colour(0.9));
    assert!(dark.blue() > dark.red() + 50, "{dark:?}");
    assert_eq!((same.red(), same.green(), same.blue()), (0xf7, 0xf7, 0xf7));
    assert!(bright.red() > bright.blue() + 50, "{bright:?}");
}

#[test]
fn values_that_are_no_numbers_do_no_harm() {
    let odd = Raster::grey(2, 2, vec![f32::NAN, f32::INFINITY, -f32::MAX, 1e30]).unwrap();
    let figure = compared(&odd, &ramp(2, 2), "odd");
    assert_sound(&figure);
    rendered(&figure);
    let cells = [Cell {
        picture: odd,
        caption: "odd".to_owned(),
    }];
    rendered(&gallery(&shown(&cells, "Odd")).unwrap());
}

#[test]
fn pictures_that_differ_are_refused() {
    let error = comparison(&Comparison {
        title: "",
        original: &ramp(2, 3),
        reconstruction: &colourful(2, 3),
        caption: "",
    })
    .unwrap_err();
    assert!(matches!(error, ReportError::DifferentPictures { .. }));
    assert!(error.to_string().contains("2 × 3"), "{error}");
}

fn shown<'a>(cells: &'a [Cell], title: &'a str) -> Gallery<'a> {
    Gallery {
        title,
        note: "",
        cells,
        total: cells.len(),
        shading: Shading::Grey,
    }
}

fn cells(count: usize, picture: &Raster) -> Vec<Cell> {
    (1..=count)
        .map(|number| Cell {
            picture: picture.clone(),
            caption: format!("{number}: 34.2{TIE}%"),
        })
        .collect()
}

#[test]
fn galleries_of_any_number_are_sound() {
    for picture in [ramp(9, 6), colourful(3, 40), ramp(300, 2), ramp(1, 1)] {
        for count in [1, 2, 3, 5, 7, 12, 20, 49, 100, 101, 200] {
            let cells = cells(count, &picture);
            let figure = gallery(&shown(&cells, "Components, largest first")).unwrap();
            assert_sound(&figure);
            assert_says(&figure, "brightened to its own maximum");
            assert_says(&figure, &format!("1: 34.2{TIE}%"));
            assert_eq!(pictures(&figure).len(), count.min(GALLERY_CELLS));
            let says_more = texts(&figure)
                .iter()
                .any(|(words, _)| words.contains(&format!("First 100 of {count}")));
            assert_eq!(says_more, count > GALLERY_CELLS);
        }
    }
}

#[test]
fn galleries_say_how_many_were_left_out() {
    let cells = cells(3, &ramp(4, 4));
    let figure = gallery(&Gallery {
        total: 50,
        note: "Shares of brightness.",
        ..shown(&cells, "Some")
    })
    .unwrap();
    assert_says(&figure, "First 3 of 50. Shares of brightness.");
    assert!(matches!(
        gallery(&shown(&[], "None")),
        Err(ReportError::NoPictures)
    ));
}

#[test]
fn every_picture_of_a_gallery_reaches_its_own_white() {
    let picture = |top: f32| Cell {
        picture: Raster::grey(2, 1, vec![0.0, top]).unwrap(),
        caption: String::new(),
    };
    let cells = [picture(1e-6), picture(1.0), picture(40.0), picture(0.0)];
    let figure = gallery(&shown(&cells, "Own maximum")).unwrap();
    let sheet = rendered(&figure);
    let right_half = |[left, top, width, height]: [f64; 4]| {
        let scale = PIXELS_PER_UNIT as f64;
        let (x, y) = ((left + 0.75 * width) * scale, (top + 0.5 * height) * scale);
        sheet.pixel(x as u32, y as u32).unwrap().red()
    };
    let whites: Vec<u8> = pictures(&figure).into_iter().map(right_half).collect();
    assert_eq!(whites, [255, 255, 255, 0]);
    let viridis = gallery(&Gallery {
        shading: Shading::Viridis,
        ..shown(&cells, "Viridis")
    })
    .unwrap();
    let [left, top, width, height] = pictures(&viridis)[1];
    let scale = PIXELS_PER_UNIT as f64;
    let (x, y) = ((left + 0.75 * width) * scale, (top + 0.5 * height) * scale);
    let yellow = rendered(&viridis).pixel(x as u32, y as u32).unwrap();
    assert_eq!(
        (yellow.red(), yellow.green(), yellow.blue()),
        (0xfd, 0xe7, 0x25)
    );
}

fn chart(series: Vec<Series>, scale: Scale) -> Chart {
    Chart {
        title: "A chart".to_owned(),
        caption: Some("with a caption".to_owned()),
        x: Axis::new("iteration").scaled(scale),
        panels: vec![Panel::new(
            Axis::new("objective (nats)").scaled(scale),
            series,
        )],
    }
}

#[test]
fn charts_of_hostile_data_are_sound() {
    let curves: Vec<Vec<(f64, f64)>> = vec![
        vec![],
        vec![(0.0, 0.0)],
        vec![(1.0, 5.0)],
        vec![(f64::NAN, f64::NAN)],
        (0..50).map(|i| (f64::from(i), 3.0)).collect(),
        (0..50).map(|i| (f64::from(i), 0.0)).collect(),
        vec![
            (0.0, 1.0),
            (1.0, f64::NAN),
            (2.0, f64::INFINITY),
            (3.0, 2.0),
        ],
        vec![(-f64::MAX, -f64::MAX), (f64::MAX, f64::MAX)],
        vec![(5e-324, 5e-324), (1e308, 1e308)],
        (0..9)
            .map(|i| (1e7 + f64::from(i), 1e-12 * f64::from(i)))
            .collect(),
        (0..9)
            .map(|i| (f64::from(i), 123_456.0 + 1e-4 * f64::from(i)))
            .collect(),
        (0..90).map(|i| (f64::from(i), 10_f64.powi(-i))).collect(),
        vec![(1.0, 1e-3), (2.0, 0.0), (3.0, 1e-9), (4.0, -1.0)],
    ];
    for points in curves {
        for scale in [Scale::Linear, Scale::Log, Scale::Auto] {
            let figure = line_chart(&chart(vec![Series::new("one", points.clone())], scale));
            assert_sound(&figure);
            assert_says(&figure, "objective (nats)");
            assert_says(&figure, "iteration");
        }
    }
    rendered(&line_chart(&chart(Vec::new(), Scale::Auto)));
}

#[test]
fn logarithmic_axes_mark_zeros_at_their_edge() {
    let points = vec![(1.0, 1.0), (2.0, 0.1), (3.0, 0.0), (4.0, 0.0)];
    let curve = |scale| {
        let mut chart = chart(vec![Series::new("falls", points.clone())], Scale::Linear);
        chart.panels[0].y.scale = scale;
        line_chart(&chart)
    };
    assert_says(&curve(Scale::Log), "hollow mark");
    assert!(!curve(Scale::Linear).svg().contains("hollow mark"));
}

#[test]
fn legends_name_several_curves_and_not_one() {
    let curve = |name: &str| Series::new(name, vec![(1.0, 1.0), (2.0, 3.0)]);
    let one = line_chart(&chart(vec![curve("lonely")], Scale::Auto));
    assert!(!one.svg().contains("lonely"));
    let names: Vec<String> = (0..20)
        .map(|n| format!("a long name, number {n}"))
        .collect();
    let many = names.iter().map(|name| curve(name)).collect();
    let mut both = chart(many, Scale::Auto);
    both.panels.push(both.panels[0].clone());
    let figure = line_chart(&both);
    assert_sound(&figure);
    for name in &names {
        assert_eq!(figure.svg().matches(&format!(">{name}<")).count(), 1);
    }
    both.panels[1].series.pop();
    let figure = line_chart(&both);
    assert_eq!(figure.svg().matches(">a long name, number 3<").count(), 2);
}

#[test]
fn a_million_points_stay_a_small_figure() {
    let points = (0..1_000_000)
        .map(|i| (f64::from(i), f64::from(i % 1000)))
        .collect();
    let figure = line_chart(&chart(vec![Series::new("saw", points)], Scale::Linear));
    assert!(figure.svg().len() < 100_000, "{} bytes", figure.svg().len());
    assert_sound(&figure);
}

#[test]
fn bars_stand_in_panels_with_their_names() {
    let panel = |number: usize| BarPanel {
        title: format!("Topic {number} of a very long name that has to be cut somewhere"),
        note: "12.3 % of the corpus".to_owned(),
        bars: vec![
            ("größer".to_owned(), 2.0),
            ("a-term-that-is-far-too-long-for-its-place".to_owned(), 1.0),
            ("nothing".to_owned(), f64::NAN),
        ],
    };
    for count in [1, 2, 7, BAR_PANELS + 3] {
        let panels: Vec<_> = (1..=count).map(panel).collect();
        let figure = bars(&Bars {
            title: "Topics",
            note: "The strongest terms.",
            panels: &panels,
        })
        .unwrap();
        assert_sound(&figure);
        assert_says(&figure, "größer");
        let drawn = figure.svg().matches("#0072b2").count();
        assert_eq!(drawn, 2 * count.min(BAR_PANELS), "{count}");
        if count > BAR_PANELS {
            assert_says(&figure, "First 60 of 63.");
        }
    }
    let none = Bars {
        title: "",
        note: "",
        panels: &[],
    };
    assert!(matches!(bars(&none), Err(ReportError::NoPictures)));
    let empty = [BarPanel {
        title: "Nothing".to_owned(),
        note: String::new(),
        bars: Vec::new(),
    }];
    let figure = bars(&Bars {
        panels: &empty,
        ..none
    })
    .unwrap();
    assert!(figure.height() > 50.0);
}

#[test]
fn heat_maps_have_axes_and_a_bar_and_the_first_row_on_top() {
    let mut samples = vec![-60.0; 40 * 20];
    samples[..40].fill(0.0);
    let values = Raster::grey(40, 20, samples).unwrap();
    let figure = heat_map(&HeatMap {
        title: "A spectrogram",
        note: "Its first row is loud.",
        values: &values,
        x: Side::Range(Axis::new("time (s)"), 0.0, 12.5),
        y: Side::Range(
            Axis::new("frequency (Hz)").scaled(Scale::Log),
            50.0,
            22_050.0,
        ),
        measure: "level (dB)",
        ends: (-60.0, 0.0),
    })
    .unwrap();
    assert_sound(&figure);
    for words in [
        "time (s)",
        "frequency (Hz)",
        "level (dB)",
        "10",
        "1000",
        "−40",
    ] {
        assert_says(&figure, words);
    }
    let [left, top, width, height] = pictures(&figure)[0];
    let picture = rendered(&figure);
    let pixel = |x: f64, y: f64| {
        let scale = PIXELS_PER_UNIT as f64;
        let pixel = picture
            .pixel((x * scale) as u32, (y * scale) as u32)
            .unwrap();
        [pixel.red(), pixel.green(), pixel.blue()]
    };
    let is = |found: [u8; 3], wanted: [u8; 3]| {
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) < 8;
        assert!(
            found.iter().zip(&wanted).all(near),
            "{found:?}, not {wanted:?}"
        );
    };
    is(pixel(left + width / 2.0, top + 3.0), [0xfd, 0xe7, 0x25]);
    is(
        pixel(left + width / 2.0, top + height - 3.0),
        [0x44, 0x01, 0x54],
    );
    let [bar, top, width, height] = pictures(&figure)[1];
    is(pixel(bar + width / 2.0, top + 1.0), [0xfd, 0xe7, 0x25]);
    is(
        pixel(bar + width / 2.0, top + height - 1.0),
        [0x44, 0x01, 0x54],
    );
}

#[test]
fn heat_maps_of_names_leave_out_what_has_no_room() {
    for count in [1, 5, 64] {
        let names = |what: &str| {
            (1..=count)
                .map(|i| format!("{what} {i}"))
                .collect::<Vec<_>>()
        };
        let values = Raster::grey(count, count, vec![0.5; count * count]).unwrap();
        let map = HeatMap {
            title: "Names",
            note: "",
            values: &values,
            x: Side::Names("bottom".to_owned(), names("column")),
            y: Side::Names("side".to_owned(), names("row")),
            measure: "share",
            ends: (0.0, 1.0),
        };
        assert_sound(&heat_map(&map).unwrap());
        let short = HeatMap {
            x: Side::Names(
                "bottom".to_owned(),
                [names("column"), names("more")].concat(),
            ),
            ..map
        };
        assert!(heat_map(&short).is_err());
    }
}

#[test]
fn clustergrams_show_every_cluster_that_has_room() {
    for (count, size) in [(1, 3), (5, 20), (90, 4)] {
        let lines = count * size;
        let alike = |at: usize| {
            let (i, j) = (at / lines / size, at % lines / size);
            if i == j { 1.0 } else { 0.2 }
        };
        let alike = Raster::grey(lines, lines, (0..lines * lines).map(alike).collect()).unwrap();
        let cluster = |number: usize| Cluster {
            name: format!("part {}", number + 1),
            size,
            outliers: number % 3,
            figures: vec![
                if number == 2 { -0.157 } else { 0.9 },
                1.0 - number as f64 / 100.0,
                -0.5,
            ],
        };
        let clusters: Vec<Cluster> = (0..count).map(cluster).collect();
        let gram = Clustergram {
            title: "How far the runs agree",
            note: "All components of all runs.",
            alike: &alike,
            measure: "cosine",
            clusters: &clusters,
            figures: &["silhouette", "found in so many runs", "rival"],
        };
        let figure = clustergram(&gram).unwrap();
        assert_sound(&figure);
        let words: Vec<String> = texts(&figure).into_iter().map(|text| text.0).collect();
        let named = (1..=count).filter(|number| words.contains(&format!("part {number}")));
        assert!(named.count() >= count.min(20));
        assert!(words.contains(&"cosine from 0 to 1".to_owned()));
        assert_eq!(words.contains(&"−0.16".to_owned()), count == 5);
        let short = Clustergram {
            clusters: &clusters[1..],
            ..gram
        };
        assert!(matches!(
            clustergram(&short),
            Err(ReportError::Samples { .. })
        ));
    }
}
