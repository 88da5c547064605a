//! `compress` and `decompress` on small pictures.

use crate::common::{Place, png};

#[test]
fn a_picture_comes_back_as_reported() {
    let place = Place::new();
    place.file("photo.png", png(40, 30, true));
    let table = place.succeed("compress photo.png -o photo.pwz --quality 60");
    for word in [
        "kept as",
        "bits a pixel",
        "PSNR",
        "SSIM",
        "JPEG at equal bytes",
    ] {
        assert!(table.contains(word), "no {word} in {table}");
    }
    let table = place.succeed("decompress photo.pwz -o back.png");
    assert!(table.contains("40 × 30 pixels, colour, 8 bits"), "{table}");
    let back = image::open(place.path("back.png")).unwrap();
    assert_eq!((back.width(), back.height()), (40, 30));
    assert_eq!(back.color(), image::ColorType::Rgb8);

    let text = place.succeed("compress photo.png -o again.pwz --quality 60 --json --threads 1");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let file = std::fs::read(place.path("again.pwz")).unwrap();
    assert_eq!(value["bytes"], file.len());
    assert_eq!(file, std::fs::read(place.path("photo.pwz")).unwrap());
    let original = image::open(place.path("photo.png")).unwrap().to_rgb8();
    let errors = original.iter().zip(back.to_rgb8().into_raw());
    let squares: f64 = errors
        .map(|(&a, b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    let psnr = 10.0 * (255.0 * 255.0 * 3600.0 / squares).log10();
    assert!((value["psnr_db"].as_f64().unwrap() - psnr).abs() < 1e-4);
    assert_eq!(place.succeed("compress photo.png -o quiet.pwz --quiet"), "");
}

#[test]
fn goals_are_met() {
    let place = Place::new();
    place.file("photo.png", png(64, 48, false));
    place.succeed("compress photo.png -o small.pwz --size 700");
    assert!(std::fs::metadata(place.path("small.pwz")).unwrap().len() <= 700);
    let text = place.succeed("compress photo.png -o good.pwz --psnr 38 --json");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["psnr_db"].as_f64().unwrap() >= 38.0);
}

#[test]
fn sixteen_bits_stay_sixteen_and_alpha_is_told_of() {
    let place = Place::new();
    let deep =
        image::ImageBuffer::from_fn(12, 10, |x, y| image::Luma([(x * 5000 + y * 313) as u16]));
    deep.save(place.path("deep.png")).unwrap();
    place.succeed("compress deep.png -o deep.pwz --quality 90");
    place.succeed("decompress deep.pwz -o back.png");
    let back = image::open(place.path("back.png")).unwrap();
    assert_eq!(back.color(), image::ColorType::L16);

    let glass = image::RgbaImage::from_pixel(9, 9, image::Rgba([200, 20, 20, 100]));
    glass.save(place.path("glass.png")).unwrap();
    let output = place.run("compress glass.png -o glass.pwz");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    assert!(complaint.contains("alpha channel"), "{complaint}");
}

#[test]
fn bad_input_is_refused() {
    let place = Place::new();
    place.file("photo.png", png(40, 30, true));
    place.file("notes.pwz", "not one");
    place.succeed("compress photo.png -o photo.pwz");
    let whole = std::fs::read(place.path("photo.pwz")).unwrap();
    place.file("torn.pwz", &whole[..whole.len() / 2]);
    let mut changed = whole.clone();
    changed[4] = 9;
    place.file("later.pwz", &changed);
    changed[4] = 1;
    changed[30] ^= 1;
    place.file("changed.pwz", &changed);

    place.refused(
        "decompress notes.pwz -o x.png",
        &["notes.pwz is no .pwz file"],
    );
    place.refused("decompress torn.pwz -o x.png", &["torn.pwz", "torn"]);
    place.refused("decompress later.pwz -o x.png", &["version 9", "version 1"]);
    place.refused("decompress changed.pwz -o x.png", &["checksum"]);
    place.refused("decompress none.pwz -o x.png", &["none.pwz"]);
    place.refused("decompress photo.pwz -o x.jpg", &["x.jpg", ".png"]);
    place.refused(
        "decompress photo.pwz -o x.png --memory 2000",
        &["40 × 30", "the limit is 2000 bytes"],
    );
    place.refused("decompress photo.pwz -o x.png --memory 20", &["limit"]);
    place.refused(
        "compress photo.png -o x.pwz --quality 101",
        &["101", "0 to 100"],
    );
    place.refused("compress photo.png -o x.pwz --psnr 4", &["4", "5 to 150"]);
    place.refused("compress photo.png -o x.pwz --size 0", &["no size"]);
    place.refused(
        "compress photo.png -o x.pwz --size 30",
        &["30 bytes", "cannot be met"],
    );
    place.refused(
        "compress photo.png -o x.pwz --size 90 --psnr 30",
        &["--psnr"],
    );
    place.refused("compress notes.pwz -o x.pwz", &["not a readable picture"]);
    place.refused("compress photo.png -o none/deep/..", &[".pwz file"]);
    place.refused("compress photo.png -o x.png", &["x.png", ".pwz file"]);
}
