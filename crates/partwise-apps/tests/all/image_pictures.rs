//! Pictures into matrices and back, and rank-one layers.

use std::{io::Cursor, path::Path};

use image::{
    DynamicImage, ExtendedColorType, GrayAlphaImage, GrayImage, ImageBuffer, ImageEncoder,
    ImageFormat, LumaA, Rgb, RgbImage, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};
use partwise_apps::{
    AppError,
    image::{Channels, DEFAULT_LIMIT_BYTES, Layers, PictureMatrix, decode, load},
};

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture
        .into()
        .write_to(&mut file, format)
        .expect("a small picture can be encoded");
    file.into_inner()
}

fn read(bytes: &[u8], channels: Channels) -> PictureMatrix {
    decode(bytes, "test", channels, DEFAULT_LIMIT_BYTES).expect("the picture is readable")
}

fn assert_close(values: &[f32], expected: &[f32]) {
    assert_eq!(values.len(), expected.len());
    for (value, wanted) in values.iter().zip(expected) {
        assert!(
            (value - wanted).abs() < 1e-6,
            "{values:?} instead of {expected:?}"
        );
    }
}

/// A chunk of a PNG file.
fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    let mut checksum = u32::MAX;
    for byte in kind.iter().chain(data) {
        checksum ^= u32::from(*byte);
        for _ in 0..8 {
            checksum = (checksum >> 1) ^ (0xEDB8_8320 & (checksum & 1).wrapping_neg());
        }
    }
    chunk.extend((!checksum).to_be_bytes());
    chunk
}

#[test]
fn grey_pictures_of_8_and_16_bit_keep_their_samples() {
    let bytes = GrayImage::from_raw(3, 2, vec![0, 51, 255, 1, 2, 3]).unwrap();
    let matrix = read(&encoded(bytes, ImageFormat::Png), Channels::Grey);
    assert_eq!(matrix.shape(), (2, 3));
    assert_close(
        matrix.values(),
        &[0.0, 0.2, 1.0, 1.0 / 255.0, 2.0 / 255.0, 3.0 / 255.0],
    );
    let words: ImageBuffer<image::Luma<u16>, _> =
        ImageBuffer::from_raw(1, 2, vec![1, 65535]).unwrap();
    let matrix = read(&encoded(words, ImageFormat::Png), Channels::Grey);
    assert_close(matrix.values(), &[1.0 / 65535.0, 1.0]);
}

#[test]
fn colour_stands_side_by_side_and_grey_is_bt709_luma() {
    let pixels = RgbImage::from_raw(2, 1, vec![255, 0, 51, 255, 255, 255]).unwrap();
    let file = encoded(pixels, ImageFormat::Png);
    let colour = read(&file, Channels::Colour);
    assert_eq!(
        (colour.height(), colour.width(), colour.shape()),
        (1, 2, (1, 6))
    );
    assert_close(colour.values(), &[1.0, 1.0, 0.0, 1.0, 0.2, 1.0]);
    assert_close(&colour.interleaved(), &[1.0, 0.0, 0.2, 1.0, 1.0, 1.0]);
    assert_close(
        read(&file, Channels::Grey).values(),
        &[0.2126 + 0.0722 * 0.2, 1.0],
    );
}

#[test]
fn grey_pictures_fill_three_equal_channels() {
    let bytes = GrayImage::from_raw(2, 1, vec![51, 102]).unwrap();
    let matrix = read(&encoded(bytes, ImageFormat::Png), Channels::Colour);
    assert_close(matrix.values(), &[0.2, 0.4, 0.2, 0.4, 0.2, 0.4]);
}

#[test]
fn transparent_pixels_lie_on_white() {
    let rgba = RgbaImage::from_raw(2, 1, vec![0, 0, 0, 0, 0, 51, 255, 51]).unwrap();
    let matrix = read(&encoded(rgba, ImageFormat::Png), Channels::Colour);
    assert_close(matrix.values(), &[1.0, 0.8, 1.0, 0.84, 1.0, 1.0]);
    let mut grey = GrayAlphaImage::new(1, 1);
    grey.put_pixel(0, 0, LumaA([0, 204]));
    let matrix = read(&encoded(grey, ImageFormat::Png), Channels::Grey);
    assert_close(matrix.values(), &[0.2]);
}

#[test]
fn palettes_are_resolved() {
    let header = [0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0];
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(png_chunk(b"IHDR", &header));
    file.extend(png_chunk(b"PLTE", &[255, 0, 0, 0, 0, 255]));
    // A stored zlib block of one row: filter 0, then the places 1 and 0 of the palette.
    let data = [
        0x78, 1, 1, 3, 0, 0xfc, 0xff, 0, 1, 0, 0x00, 0x05, 0x00, 0x02,
    ];
    file.extend(png_chunk(b"IDAT", &data));
    file.extend(png_chunk(b"IEND", &[]));
    let matrix = read(&file, Channels::Colour);
    assert_close(matrix.values(), &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn photos_are_turned_upright() {
    // Exif: big-endian TIFF with one entry, orientation (0x0112) = 6: turn a quarter clockwise.
    let exif = [
        b"MM\0*\0\0\0\x08".as_slice(),
        &[0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let (black, white) = ([0; 64], [255; 64]);
    let held = [black, white].concat(); // 8 wide, 16 tall: black above white
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
    encoder.set_exif_metadata(exif.clone()).unwrap();
    encoder
        .write_image(&held, 8, 16, ExtendedColorType::L8)
        .unwrap();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif).unwrap();
    encoder
        .write_image(&held, 8, 16, ExtendedColorType::L8)
        .unwrap();
    for file in [jpeg, png] {
        let upright = read(&file, Channels::Grey);
        assert_eq!(upright.shape(), (8, 16));
        for row in upright.values().chunks(16) {
            assert!(row[0] > 0.9 && row[15] < 0.1, "white left, black right");
        }
    }
}

#[test]
fn float_pictures_are_clipped_and_refused_if_not_numbers() {
    let real = |values: Vec<f32>| {
        let pixels: ImageBuffer<Rgb<f32>, _> = ImageBuffer::from_raw(1, 1, values).unwrap();
        encoded(pixels, ImageFormat::OpenExr)
    };
    let matrix = read(&real(vec![-1.0, 0.5, 7.0]), Channels::Colour);
    assert_close(matrix.values(), &[0.0, 0.5, 1.0]);
    let error = decode(
        &real(vec![0.0, f32::NAN, 0.0]),
        "odd.exr",
        Channels::Grey,
        DEFAULT_LIMIT_BYTES,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "odd.exr holds NaN at row 0, column 0; every sample must be a number"
    );
}

#[test]
fn a_small_file_with_a_huge_header_is_refused() {
    let side = 65_000_u32.to_be_bytes();
    let header = [side.as_slice(), &side, &[8, 2, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(png_chunk(b"IHDR", &header));
    file.extend(png_chunk(b"IDAT", &[0x78, 1]));
    file.extend(png_chunk(b"IEND", &[]));
    let error = decode(&file, "bomb.png", Channels::Grey, DEFAULT_LIMIT_BYTES).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, AppError::TooLarge { .. }), "{message}");
    assert!(
        message.contains("bomb.png") && message.contains("65000 × 65000"),
        "{message}"
    );

    // The same with a kind whose samples are not compressed.
    let file = b"P5 65000 65000 255\n\0\0\0";
    let error = decode(file, "bomb.pgm", Channels::Colour, DEFAULT_LIMIT_BYTES).unwrap_err();
    assert!(matches!(error, AppError::TooLarge { .. }), "{error}");
}

/// An OpenEXR header of 4 by 3 pixels, cut into tiles of a million pixels a side, and nothing behind it but the place of the first tile,
/// which claims two thousand million bytes.
fn tiled_exr() -> Vec<u8> {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let mut channels = Vec::new();
    for name in ["B", "G", "R"] {
        channels.extend([name.as_bytes(), &[0], &words(&[2, 0, 1, 1])].concat());
    }
    channels.push(0);
    let window = words(&[0, 0, 3, 2]);
    let mut file = vec![0x76, 0x2f, 0x31, 1, 2, 2, 0, 0];
    let one = 1f32.to_le_bytes();
    let attributes: [(&str, &str, &[u8]); 9] = [
        ("channels", "chlist", &channels),
        ("compression", "compression", &[0]),
        ("dataWindow", "box2i", &window),
        ("displayWindow", "box2i", &window),
        ("lineOrder", "lineOrder", &[0]),
        ("pixelAspectRatio", "float", &one),
        ("screenWindowCenter", "v2f", &[0; 8]),
        ("screenWindowWidth", "float", &one),
        ("tiles", "tiledesc", &[0, 0, 16, 0, 0, 0, 16, 0, 0]),
    ];
    for (name, kind, value) in attributes {
        let length = words(&[value.len() as u32]);
        file.extend([name.as_bytes(), &[0], kind.as_bytes(), &[0], &length, value].concat());
    }
    file.push(0);
    let tile = file.len() as u32 + 8;
    file.extend(words(&[tile, 0, 0, 0, 0, 0, 2_000_000_000]));
    file
}

#[test]
fn tiles_larger_than_the_limit_are_refused() {
    let file = tiled_exr();
    let error = decode(&file, "tiles.exr", Channels::Colour, DEFAULT_LIMIT_BYTES).unwrap_err();
    assert!(
        matches!(&error, AppError::TooLarge { needed_bytes, .. } if *needed_bytes > 12 << 40),
        "{error}"
    );
}

#[test]
fn limits_count_pixels_and_matrix() {
    let file = encoded(GrayImage::new(100, 100), ImageFormat::Png);
    // 10,000 bytes of pixels and 40,000 of matrix.
    assert!(decode(&file, "test", Channels::Grey, 49_999).is_err());
    assert!(decode(&file, "test", Channels::Grey, 50_000).is_ok());
}

#[test]
fn unreadable_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load(
        &folder.path().join("missing.png"),
        Channels::Grey,
        DEFAULT_LIMIT_BYTES,
    );
    assert!(matches!(missing, Err(AppError::Read { .. })));
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a picture").unwrap();
    let message = load(&path, Channels::Grey, DEFAULT_LIMIT_BYTES)
        .unwrap_err()
        .to_string();
    assert!(message.contains("notes.txt"), "{message}");
    let whole = encoded(RgbImage::new(40, 40), ImageFormat::Png);
    let cut = decode(
        &whole[..whole.len() / 2],
        "cut.png",
        Channels::Grey,
        DEFAULT_LIMIT_BYTES,
    );
    assert!(matches!(cut, Err(AppError::Decode { .. })));
}

#[test]
fn files_are_read_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = GrayImage::from_raw(1, 1, vec![51]).unwrap();
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("b.jpg", ImageFormat::Png),
        ("c", ImageFormat::Bmp),
        ("d.tif", ImageFormat::Tiff),
        ("e.tga", ImageFormat::Tga),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, encoded(pixels.clone(), format)).unwrap();
        let matrix = load(Path::new(&path), Channels::Grey, DEFAULT_LIMIT_BYTES)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_close(matrix.values(), &[0.2]);
    }
}

#[test]
fn a_matrix_becomes_the_picture_it_came_from() {
    let samples: Vec<u8> = (0..=255).cycle().take(3 * 20 * 15).collect();
    let pixels = RgbImage::from_raw(20, 15, samples.clone()).unwrap();
    let matrix = read(&encoded(pixels, ImageFormat::Png), Channels::Colour);
    assert_eq!(matrix.to_bytes(), samples);
    let again = read(&matrix.to_png().unwrap(), Channels::Colour);
    assert_eq!(again, matrix);
}

#[test]
fn pixels_are_clipped_and_rounded() {
    let values = vec![-3.0, 0.499 / 255.0, 0.501 / 255.0, 9.0, f32::NAN];
    let matrix = PictureMatrix::new(1, 5, Channels::Grey, values).unwrap();
    assert_eq!(matrix.to_bytes(), [0, 0, 1, 255, 0]);
}

#[test]
fn shapes_must_fit() {
    for (height, width, length) in [(2, 2, 3), (0, 0, 0), (0, 3, 0), (usize::MAX, usize::MAX, 1)] {
        let result = PictureMatrix::new(height, width, Channels::Colour, vec![0.0; length]);
        assert!(matches!(result, Err(AppError::Shape { .. })));
    }
}

#[test]
fn layers_add_up_to_the_reconstruction() {
    // A colour picture of 4 × 3 pixels: V is 4 × 9.
    let (m, n, rank) = (4, 9, 3);
    let w: Vec<f64> = (0..m * rank).map(|v| ((v * 7) % 5) as f64).collect();
    let h: Vec<f64> = (0..rank * n).map(|v| ((v * 3) % 7) as f64 / 50.0).collect();
    let picture = PictureMatrix::new(4, 3, Channels::Colour, vec![0.0; m * n]).unwrap();
    let layers = Layers::new(&picture, &w, &h, rank).unwrap();

    let order = layers.by_share();
    assert_eq!(order.len(), rank);
    assert!(order.windows(2).all(|pair| pair[0].share >= pair[1].share));
    assert!((order.iter().map(|layer| layer.share).sum::<f64>() - 1.0).abs() < 1e-12);

    let mut total = vec![0.0; m * n];
    let mut sums = vec![0.0; rank];
    for (component, layer_sum) in sums.iter_mut().enumerate() {
        let layer = layers.picture(component, usize::MAX).unwrap();
        assert_eq!(
            (layer.height(), layer.width(), layer.channels()),
            (4, 3, Channels::Colour)
        );
        for (sum, value) in total.iter_mut().zip(layer.values()) {
            *sum += value;
        }
        *layer_sum = layer
            .values()
            .iter()
            .map(|&value| f64::from(value))
            .sum::<f64>();
    }
    let product: Vec<f32> = (0..m * n)
        .map(|place| {
            let (row, column) = (place / n, place % n);
            (0..rank)
                .map(|t| w[row * rank + t] * h[t * n + column])
                .sum::<f64>() as f32
        })
        .collect();
    assert_close(&total, &product);
    for layer in order {
        let share = sums[layer.component] / sums.iter().sum::<f64>();
        assert!((layer.share - share).abs() < 1e-6);
    }
}

#[test]
fn small_layers_are_area_averages_of_the_large_ones() {
    let (height, width) = (6, 10);
    let w: Vec<f32> = (0..height).map(|v| v as f32).collect();
    let h: Vec<f32> = (0..width).map(|v| (v * v) as f32 / 100.0).collect();
    let picture = PictureMatrix::new(height, width, Channels::Grey, vec![0.0; 60]).unwrap();
    let layers = Layers::new(&picture, &w, &h, 1).unwrap();
    let large = layers.picture(0, 10).unwrap();
    let small = layers.picture(0, 5).unwrap();
    assert_eq!((small.height(), small.width()), (3, 5));
    let expected: Vec<f32> = (0..15)
        .map(|place| {
            let corner = (place / 5) * 2 * width + (place % 5) * 2;
            let value = |offset: usize| large.values()[corner + offset];
            (value(0) + value(1) + value(width) + value(width + 1)) / 4.0
        })
        .collect();
    assert_close(small.values(), &expected);
    // An uneven stretch keeps the mean.
    let uneven = layers.picture(0, 7).unwrap();
    let mean =
        |matrix: &PictureMatrix| matrix.values().iter().sum::<f32>() / matrix.values().len() as f32;
    assert_eq!((uneven.height(), uneven.width()), (4, 7));
    assert!((mean(&uneven) - mean(&large)).abs() < 1e-5);
}

#[test]
fn layers_of_nothing_have_no_share() {
    let picture = PictureMatrix::new(1, 1, Channels::Grey, vec![0.0]).unwrap();
    let layers = Layers::new(&picture, &[0.0_f32, 0.0], &[0.0, 0.0], 2).unwrap();
    assert!(layers.by_share().iter().all(|layer| layer.share == 0.0));
    assert_eq!(layers.picture(1, 1).unwrap().values(), [0.0]);
    assert!(matches!(
        layers.picture(2, 1),
        Err(AppError::NoSuchComponent {
            component: 2,
            rank: 2
        })
    ));
    assert!(matches!(
        Layers::new(&picture, &[0.0_f32], &[0.0], 2),
        Err(AppError::Shape { what: "W", .. })
    ));
    assert!(
        Layers::<f32>::new(&picture, &[], &[], 0)
            .unwrap()
            .by_share()
            .is_empty()
    );
}
