//! PSNR and SSIM against scikit-image, and their edges.
//!
//! The fixtures are made by `scripts/make_image_fixtures.py`.

use partwise_apps::{
    AppError,
    image::{Channels, PictureMatrix, psnr_db, ssim, stored_values_ratio},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    height: usize,
    width: usize,
    colour: bool,
    first: Vec<f32>,
    second: Vec<f32>,
    psnr_db: f64,
    ssim: f64,
}

fn grey(height: usize, width: usize, values: Vec<f32>) -> PictureMatrix {
    PictureMatrix::new(height, width, Channels::Grey, values).expect("the shape fits")
}

#[test]
fn figures_agree_with_scikit_image() {
    let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/image_figures.json"))
        .expect("the fixture is what the script wrote");
    assert!(fixture.cases.len() >= 5);
    for case in fixture.cases {
        let channels = if case.colour {
            Channels::Colour
        } else {
            Channels::Grey
        };
        let picture = |values| {
            PictureMatrix::new(case.height, case.width, channels, values).expect("the shape fits")
        };
        let (first, second) = (picture(case.first), picture(case.second));
        let (psnr, similarity) = (
            psnr_db(&first, &second).expect("one size"),
            ssim(&first, &second).expect("one size"),
        );
        let name = case.name;
        assert!((psnr - case.psnr_db).abs() < 1e-9, "{name}: PSNR {psnr}");
        assert!(
            (similarity - case.ssim).abs() < 1e-9,
            "{name}: SSIM {similarity} instead of {}",
            case.ssim
        );
    }
}

#[test]
fn equal_pictures_are_infinitely_good() {
    let picture = grey(12, 15, (0..180).map(|v| v as f32 / 180.0).collect());
    assert_eq!(psnr_db(&picture, &picture).unwrap(), f64::INFINITY);
    assert!((ssim(&picture, &picture).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn pictures_smaller_than_the_window_have_defined_figures() {
    for (height, width) in [(1, 1), (1, 40), (40, 1), (3, 2), (10, 12)] {
        let first = grey(height, width, vec![0.25; height * width]);
        let second = grey(height, width, vec![0.75; height * width]);
        let psnr = psnr_db(&first, &second).unwrap();
        assert!((psnr - 6.020_599_913_279_624).abs() < 1e-9, "{psnr}");
        // Constant pictures: only the comparison of the means is left.
        let expected = (2.0 * 0.25 * 0.75 + 1e-4) / (0.0625 + 0.5625 + 1e-4);
        let similarity = ssim(&first, &second).unwrap();
        assert!((similarity - expected).abs() < 1e-9, "{similarity}");
        assert!((ssim(&first, &first).unwrap() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn different_sizes_are_refused() {
    let (wide, tall) = (grey(2, 3, vec![0.0; 6]), grey(3, 2, vec![0.0; 6]));
    for result in [psnr_db(&wide, &tall), ssim(&wide, &tall)] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("2 × 3"), "{message}");
    }
    let colour = PictureMatrix::new(2, 1, Channels::Colour, vec![0.0; 6]).unwrap();
    assert!(matches!(
        psnr_db(&wide, &colour),
        Err(AppError::Shape { .. })
    ));
}

#[test]
fn stored_values_are_counted_against_the_plain_matrix() {
    assert_eq!(
        stored_values_ratio((512, 512), 20),
        20.0 * 1024.0 / 262_144.0
    );
    assert!((stored_values_ratio((3, 2), 6) - 5.0).abs() < 1e-12);
    assert_eq!(stored_values_ratio((0, 5), 2), 0.0);
}
