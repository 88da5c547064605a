//! `image` on small pictures.

use crate::common::{Place, png};

const FILES: [&str; 8] = [
    "reconstruction.png",
    "comparison.png",
    "components.png",
    "rate_distortion.png",
    "convergence.png",
    "model.npz",
    "run.json",
    "report.html",
];

#[test]
fn a_grey_picture_gives_its_files() {
    let place = Place::new();
    place.file("photo.png", png(48, 32, false));
    let table = place.succeed("image photo.png -k 5 -o out");
    assert!(
        table.contains("PSNR") && table.contains("truncated SVD"),
        "{table}"
    );
    for name in FILES {
        assert!(place.path(&format!("out/{name}")).is_file(), "{name}");
    }
    let open = |name: &str| image::open(place.path(&format!("out/{name}"))).unwrap();
    let reconstruction = open("reconstruction.png");
    assert_eq!((reconstruction.width(), reconstruction.height()), (48, 32));
    assert_eq!(reconstruction.color(), image::ColorType::L8);
    for name in ["comparison.png", "components.png", "convergence.png"] {
        let picture = open(name);
        assert!(
            (200..6000).contains(&picture.width()),
            "{name}: {}",
            picture.width()
        );
        assert!(
            (150..6000).contains(&picture.height()),
            "{name}: {}",
            picture.height()
        );
    }
    let run = place.json("out/run.json");
    let figure = |name: &str| run[name].as_f64().unwrap_or_else(|| panic!("no {name}"));
    assert!(figure("psnr_db") > 10.0);
    assert!((0.0..=1.0).contains(&figure("ssim")));
    let ratio = 5.0 * (48.0 + 32.0) / (48.0 * 32.0);
    assert!((figure("stored_values_ratio") - ratio).abs() < 1e-12);
    // The picture is a sum of few parts, so a good fit comes as near as any.
    let (bound, reached) = (figure("svd_relative_error"), figure("relative_error"));
    assert!(bound <= reached + 1e-6, "{reached} is below {bound}");
    assert_eq!(run["shape"], serde_json::json!([32, 48]));
    assert_eq!(run["parameters"]["color"], false);
    let curves = run["rate_distortion"].as_array().expect("curves");
    assert_eq!(curves.len(), 3);
    assert!(curves[0]["points"][0]["bytes"].as_u64().unwrap() > 0);
    assert!(table.contains("bytes beside JPEG"), "{table}");
    assert_eq!(place.model("out/model.npz").w.shape(), (32, 5));
}

#[test]
fn the_page_is_left_out_on_request() {
    let place = Place::new();
    place.file("photo.png", png(16, 16, true));
    place.succeed("image photo.png --color -k 2 -o with");
    let page = std::fs::read_to_string(place.path("with/report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>"), "{}", &page[..80]);
    assert!(page.contains("<code id=\"command\">"));
    let table = place.succeed("image photo.png --color -k 2 -o without --no-report");
    assert!(!table.contains("report.html"), "{table}");
    assert!(!place.path("without/report.html").exists());
}

#[test]
fn colours_stand_side_by_side() {
    let place = Place::new();
    place.file("photo.png", png(20, 30, true));
    place.succeed("image photo.png --color -k 8 -o out");
    let reconstruction = image::open(place.path("out/reconstruction.png")).unwrap();
    assert_eq!(reconstruction.color(), image::ColorType::Rgb8);
    assert_eq!(place.model("out/model.npz").h.shape(), (8, 60));
}

#[test]
fn a_picture_smaller_than_k_is_refused() {
    let place = Place::new();
    place.file("photo.png", png(6, 5, false));
    place.refused(
        "image photo.png -k 6 -o out",
        &["k is 6", "6 × 5 pixels", "at most 5"],
    );
    place.succeed("image photo.png -k 5 -o out --no-rate-distortion");
    let run = place.json("out/run.json");
    assert_eq!(run["svd_relative_error"], 0.0);
    assert!(run["rate_distortion"].is_null());
    assert!(!place.path("out/rate_distortion.png").exists());
}

#[test]
fn a_black_picture_is_matched_exactly() {
    let place = Place::new();
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(12, 12)
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    place.file("black.png", file.into_inner());
    place.succeed("image black.png -k 2 -o out");
    assert_eq!(place.json("out/run.json")["psnr_db"], "Infinity");
}

#[test]
fn json_and_quiet_are_those_of_fit() {
    let place = Place::new();
    place.file("photo.png", png(16, 16, false));
    let printed = place.succeed("image photo.png -k 2 -o out --json");
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed, place.json("out/run.json"));
    assert_eq!(place.succeed("image photo.png -k 2 -o out --quiet"), "");
    let both = place.succeed("image photo.png -k 2 -o out --json --quiet");
    assert!(both.starts_with('{'), "{both}");
}
