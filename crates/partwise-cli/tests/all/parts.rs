//! `parts` on small pictures.

use crate::common::{Place, npy_f64, png};
use image::{GrayImage, Luma};

/// A folder of pictures that are sums of two bars, each of which is alone in one of them.
fn bars(place: &Place) {
    std::fs::create_dir(place.path("bars")).unwrap();
    for index in 0..9_u8 {
        let picture = GrayImage::from_fn(8, 6, |x, y| {
            let upright = if x == 2 { index * 20 } else { 0 };
            let level = if y == 4 { 160 - index * 20 } else { 0 };
            Luma([upright + level])
        });
        let name = format!("bars/{index}.png");
        picture.save(place.path(&name)).unwrap();
    }
}

#[test]
fn a_folder_gives_its_parts() {
    let place = Place::new();
    bars(&place);
    let table = place.succeed("parts bars -k 2 -o out --tol 0");
    assert!(table.contains("sparseness of parts"), "{table}");
    for name in [
        "parts.png",
        "sums.png",
        "model.npz",
        "run.json",
        "convergence.png",
        "report.html",
    ] {
        assert!(place.path(&format!("out/{name}")).is_file(), "{name}");
    }
    let run = place.json("out/run.json");
    assert!(run["relative_error"].as_f64().unwrap() < 0.01);
    assert_eq!(run["shape"], serde_json::json!([9, 48]));
    assert_eq!((&run["width"], &run["height"]), (&8.into(), &6.into()));
    // A bar of 6 and one of 8 pixels of 48.
    let sparseness = |pixels: f64| (48_f64.sqrt() - pixels.sqrt()) / (48_f64.sqrt() - 1.0);
    let mut found: Vec<f64> = run["part_sparseness"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect();
    found.sort_by(f64::total_cmp);
    for (found, expected) in found.iter().zip([sparseness(8.0), sparseness(6.0)]) {
        assert!(
            (found - expected).abs() < 0.03,
            "{found} instead of {expected}"
        );
    }
    let model = place.model("out/model.npz");
    assert_eq!(model.h.shape(), (2, 48));
    assert_eq!(model.row_names.unwrap()[3], "3.png");
    for name in ["out/parts.png", "out/sums.png"] {
        let picture = image::open(place.path(name)).unwrap();
        assert!(picture.width() > 200 && picture.height() > 150, "{name}");
    }
}

#[test]
fn rows_of_a_matrix_are_pictures() {
    let place = Place::new();
    let values: Vec<f64> = (0..5 * 12).map(|i| f64::from(i * 37 % 256)).collect();
    place.file("digits.npy", npy_f64(5, 12, &values));
    let table = place.succeed("parts digits.npy --shape 3x4 -k 3 -o out");
    assert!(table.contains("5 of 4 × 3 pixels"), "{table}");
}

#[test]
fn bad_input_is_refused() {
    let place = Place::new();
    bars(&place);
    std::fs::create_dir(place.path("empty")).unwrap();
    std::fs::create_dir(place.path("mixed")).unwrap();
    place.file("mixed/a.png", png(4, 3, false));
    place.file("mixed/b.png", png(5, 3, false));
    place.file("v.npy", npy_f64(2, 6, &[1.0; 12]));
    place.refused("parts empty -k 2 -o out", &["empty", "no picture"]);
    place.refused(
        "parts mixed -k 2 -o out",
        &["a.png is 4 × 3", "b.png is 5 × 3", "equally large"],
    );
    place.refused("parts none -k 2 -o out", &["none"]);
    place.refused("parts bars -k 49 -o out", &["k is 49", "48 pixels"]);
    place.refused("parts v.npy -k 2 -o out", &["--shape"]);
    place.refused("parts v.npy --shape 2x2 -k 2 -o out", &["v.npy", "2 × 2"]);
    place.refused("parts v.npy --shape 0x6 -k 2 -o out", &["28x28"]);
    place.refused("parts bars --shape 6x8 -k 2 -o out", &["folder"]);
}
