//! Many pictures as sums of parts: all that a display of seven segments can show, of which each part is a segment.
//!
//! `cargo run --release -p partwise-apps --example parts`. `load_folder` makes an album of pictures in files.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;

use partwise::{Matrix, Nmf};
use partwise_apps::parts::{Album, Parts};

/// Which segment each point of the display belongs to.
const DISPLAY: &[u8] = b"\
    .aaa.\
    f...b\
    f...b\
    .ggg.\
    e...c\
    e...c\
    .ddd.";
const HEIGHT: usize = 7;
const WIDTH: usize = 5;
const SEGMENTS: &[u8] = b"abcdefg";
/// Ways to light some segments.
const PICTURES: usize = 127;
/// The segments of a 4.
const FOUR: &[u8] = b"bcfg";

/// Whether a picture, counted from 0, has a segment.
fn is_lit(picture: usize, segment: usize) -> bool {
    ((picture + 1) >> segment) & 1 == 1
}

/// How bright a point of a picture is.
fn light(picture: usize, point: u8) -> f32 {
    let segment = SEGMENTS.iter().position(|&segment| segment == point);
    match segment.filter(|&segment| is_lit(picture, segment)) {
        Some(segment) => (1 + (picture * 7 + segment * 3) % 4) as f32 / 4.0,
        None => 0.0,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let pictures = (0..PICTURES).flat_map(|i| DISPLAY.iter().map(move |&point| light(i, point)));
    let album = Album::from_rows(pictures.collect(), PICTURES, DISPLAY.len(), (HEIGHT, WIDTH))?;
    let v = Matrix::row_major(&album.values, PICTURES, album.pixels())?;
    let rank = SEGMENTS.len();
    let fit = Nmf::new(rank).fit(&v)?;

    let parts = Parts::new(&album, fit.w.as_slice(), fit.h.as_slice(), rank)?;
    let sparseness = parts.part_sparseness();
    // The segment of each part.
    let mut segments = vec![0; rank];
    for share in parts.by_share() {
        let part = parts.part(share.part);
        let brightest = (0..part.len()).max_by(|&a, &b| part[a].total_cmp(&part[b]));
        let segment = DISPLAY[brightest.unwrap_or(0)];
        println!(
            "part {}: segment {}, {:.1} % of the brightness, sparseness {:.2}",
            share.part,
            char::from(segment),
            100.0 * share.share,
            sparseness[share.part]
        );
        let own = part.iter().zip(DISPLAY);
        let own = own.filter(|(_, point)| **point == segment);
        let own: f32 = own.map(|(value, _)| value).sum();
        assert!(own > 0.99 * part.iter().sum::<f32>(), "a part is a segment");
        segments[share.part] = segment;
    }
    let mut found = segments.clone();
    found.sort_unstable();
    assert_eq!(found, SEGMENTS, "each segment is a part");

    let mut furthest = 0.0_f32;
    for picture in 0..PICTURES {
        let sum = parts.sum(picture);
        for (sum, value) in sum.iter().zip(album.picture(picture)) {
            furthest = furthest.max((sum - value).abs());
        }
    }
    println!("the sums of parts are the pictures within {furthest:.0e}");
    assert!(furthest < 1e-3, "nothing is lost");

    let is_four = |&picture: &usize| {
        let lit = (0..rank).filter(|&segment| is_lit(picture, segment));
        lit.map(|segment| SEGMENTS[segment])
            .eq(FOUR.iter().copied())
    };
    let four = (0..PICTURES).find(is_four).expect("a 4 can be shown");
    let shares = parts.of_picture(four);
    let used = shares.iter().filter(|share| share.share > 0.01);
    let mut used: Vec<u8> = used.map(|share| segments[share.part]).collect();
    used.sort_unstable();
    println!("a 4 is {}", used.escape_ascii());
    assert_eq!(used, FOUR, "a 4 has four parts");
    Ok(())
}
