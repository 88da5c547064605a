//! Albums of pictures, shares of parts, sparseness.

use std::path::Path;

use image::GrayImage;
use partwise_apps::AppError;
use partwise_apps::parts::{Album, Parts, hoyer_sparseness, load_folder};

fn picture(path: &Path, width: u32, height: u32, shade: u8) {
    GrayImage::from_pixel(width, height, image::Luma([shade]))
        .save(path)
        .unwrap();
}

#[test]
fn pictures_are_rows_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for (name, shade) in [("b.png", 51), ("a.bmp", 255), ("c.png", 0)] {
        picture(&folder.path().join(name), 3, 2, shade);
    }
    std::fs::write(folder.path().join("labels.csv"), "a,b").unwrap();
    std::fs::write(folder.path().join(".hidden.png"), "no picture").unwrap();
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    let album = load_folder(folder.path(), 1 << 20, &|_, _| ()).unwrap();
    assert_eq!(album.names, ["a.bmp", "b.png", "c.png"]);
    assert_eq!((album.height, album.width, album.pixels()), (2, 3, 6));
    assert_eq!(album.picture(0), [1.0; 6]);
    assert!((album.picture(1)[5] - 0.2).abs() < 1e-6);
    let error = load_folder(folder.path(), 71, &|_, _| ()).unwrap_err();
    assert!(
        matches!(error, AppError::AlbumTooLarge { pictures: 3, .. }),
        "{error}"
    );
}

#[test]
fn what_is_wrong_with_a_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let load = || load_folder(folder.path(), 1 << 20, &|_, _| ());
    assert!(matches!(load(), Err(AppError::NoPictures { .. })));
    picture(&folder.path().join("a.png"), 3, 2, 9);
    picture(&folder.path().join("b.png"), 2, 3, 9);
    let message = load().unwrap_err().to_string();
    for words in ["a.png is 3 × 2 pixels", "b.png is 2 × 3", "equally large"] {
        assert!(message.contains(words), "{message}");
    }
    std::fs::write(folder.path().join("a.png"), "no picture").unwrap();
    assert!(matches!(load(), Err(AppError::Decode { .. })));
    let missing = load_folder(&folder.path().join("none"), 1 << 20, &|_, _| ());
    assert!(matches!(missing, Err(AppError::Read { .. })));
}

#[test]
fn rows_of_a_matrix_are_pictures() {
    let album = Album::from_rows(vec![0.0, 255.0, 51.0, 0.0, 0.0, 0.0], 1, 6, (2, 3)).unwrap();
    assert_eq!(album.names, ["1"]);
    assert_eq!(album.values, [0.0, 1.0, 0.2, 0.0, 0.0, 0.0]);
    let error = Album::from_rows(vec![0.0; 6], 1, 6, (2, 2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows of 6 entries are no pictures of 2 × 2 pixels"
    );
    assert!(Album::from_rows(vec![0.0; 6], 1, 6, (usize::MAX, 2)).is_err());
}

#[test]
fn shares_are_those_of_the_sum() {
    let album = Album::from_rows(vec![0.0; 8], 2, 4, (2, 2)).unwrap();
    // The second part is three times as bright.
    let h = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    let w = [1.0, 1.0, 3.0, 0.0];
    let parts = Parts::new(&album, &w, &h, 2).unwrap();
    let of_first = parts.of_picture(0);
    assert_eq!((of_first[0].part, of_first[0].share), (1, 0.75));
    assert_eq!(parts.of_picture(1)[0].part, 0);
    assert!((parts.by_share()[0].share - 4.0 / 7.0).abs() < 1e-12);
    assert_eq!(parts.sum(0), [1.0; 4]);
    assert_eq!(parts.part_sparseness()[0], 1.0);
    assert_eq!(parts.code_sparseness()[1], 1.0);
    let dark = Parts::new(&album, &[0.0; 4], &h, 2).unwrap();
    assert!(dark.by_share().iter().all(|share| share.share == 0.0));
    assert!(matches!(
        Parts::new(&album, &w[1..], &h, 2),
        Err(AppError::Shape { what: "W", .. })
    ));
}

#[test]
fn sparseness_is_hoyers() {
    assert_eq!(hoyer_sparseness([0.0, 0.0, 5.0, 0.0]), 1.0);
    assert!(hoyer_sparseness([2.0; 9]).abs() < 1e-12);
    // (√2 − 1.2 / √0.8) / (√2 − 1) for 0.8 and 0.4.
    let expected = (2_f64.sqrt() - 1.2 / 0.8_f64.sqrt()) / (2_f64.sqrt() - 1.0);
    assert!((hoyer_sparseness([0.8, 0.4]) - expected).abs() < 1e-12);
    assert_eq!(hoyer_sparseness([0.0; 3]), 1.0);
    assert_eq!(hoyer_sparseness([7.0]), 0.0);
}
