//! Compressed pictures: round trips, goals, damage, bombs.

use partwise_apps::AppError;
use partwise_apps::compress::{
    FactorError, Factoriser, Factors, Method, Target, Way, bytes_ratio, compress, decompress,
    jpeg_within, rate_distortion,
};
use partwise_apps::image::{Channels, Depth, Photo, PictureMatrix, decode_photo, psnr_db};
use proptest::prelude::*;

const LIMIT: u64 = 1 << 30;

/// Factors by a few plain updates: multiplicative ones, and orthogonal iteration.
struct Plain;

impl Plain {
    fn start(columns: usize, rank: usize) -> Vec<f32> {
        (0..rank * columns)
            .map(|i| 0.1 + (i * 7919 % 101) as f32 / 101.0)
            .collect()
    }
}

/// a (m × l) · b (l × n).
fn times(a: &[f32], b: &[f32], l: usize) -> Vec<f32> {
    let n = b.len() / l;
    let mut product = vec![0.0; a.len() / l * n];
    for (row, target) in a.chunks_exact(l).zip(product.chunks_exact_mut(n)) {
        for (&x, line) in row.iter().zip(b.chunks_exact(n)) {
            target.iter_mut().zip(line).for_each(|(t, y)| *t += x * y);
        }
    }
    product
}

fn turned(a: &[f32], columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|column| a.iter().skip(column).step_by(columns).copied())
        .collect()
}

impl Factoriser for Plain {
    fn non_negative(
        &self,
        v: &[f32],
        (m, n): (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let mut h = Self::start(n, rank);
        let mut w = turned(&Self::start(m, rank), m);
        let update = |factor: &mut [f32], above: &[f32], below: &[f32]| {
            for ((x, a), b) in factor.iter_mut().zip(above).zip(below) {
                *x *= a / (b + 1e-9);
            }
        };
        for _ in 0..60 {
            let ht = turned(&h, n);
            let below = times(&w, &times(&h, &ht, n), rank);
            update(&mut w, &times(v, &ht, n), &below);
            let wt = turned(&w, rank);
            let below = times(&times(&wt, &w, m), &h, rank);
            update(&mut h, &times(&wt, v, m), &below);
        }
        Ok(Factors { w, h })
    }

    fn singular(
        &self,
        v: &[f32],
        (m, n): (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let mut h = Self::start(n, rank);
        let vt = turned(v, n);
        for _ in 0..20 {
            for row in 0..rank {
                let (before, rest) = h.split_at_mut(row * n);
                let this = &mut rest[..n];
                for other in before.chunks_exact(n) {
                    let overlap: f32 = this.iter().zip(other).map(|(a, b)| a * b).sum();
                    this.iter_mut()
                        .zip(other)
                        .for_each(|(a, b)| *a -= overlap * b);
                }
                let length = this.iter().map(|x| x * x).sum::<f32>().sqrt();
                this.iter_mut().for_each(|x| *x /= length.max(1e-9));
            }
            let w = times(v, &turned(&h, n), n);
            h = times(&turned(&w, rank), &turned(&vt, m), m);
        }
        for row in h.chunks_exact_mut(n) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= length.max(1e-9));
        }
        let w = times(v, &turned(&h, n), n);
        Ok(Factors { w, h })
    }
}

fn keep(photo: &Photo, target: Target) -> partwise_apps::compress::Compressed {
    compress(photo, target, Method::NonNegative, &Plain, &|_, _| ()).expect("it can be compressed")
}

/// Smooth shapes with an edge and some noise.
fn photo(width: usize, height: usize, channels: Channels, depth: Depth) -> Photo {
    let peak = depth.peak();
    let columns = width * channels.count();
    let values = (0..height * columns)
        .map(|i| {
            let (y, column) = (i / columns, i % columns);
            let (channel, x) = (column / width, column % width);
            let wave = (x as f32 * 0.31 + channel as f32).sin() * (y as f32 * 0.17).cos();
            let edge = if x + 2 * y > width { 0.25 } else { 0.0 };
            let noise = (i * 7919 % 31) as f32 / 31.0 * 0.04;
            ((0.4 + 0.25 * wave + edge + noise).clamp(0.0, 1.0) * peak).round() / peak
        })
        .collect();
    let picture = PictureMatrix::new(height, width, channels, values).expect("a picture");
    Photo { picture, depth }
}

#[test]
fn every_size_channel_and_depth_comes_back_as_reported() {
    for (width, height) in [(1, 1), (1, 9), (23, 1), (2, 2), (8, 8), (17, 33), (40, 24)] {
        for channels in [Channels::Grey, Channels::Colour] {
            for depth in [Depth::Eight, Depth::Sixteen] {
                let original = photo(width, height, channels, depth);
                let kept = keep(&original, Target::Quality(45.0));
                let back = decompress(&kept.bytes, "test", LIMIT).unwrap();
                assert_eq!(back, kept.photo);
                let psnr = psnr_db(&original.picture, &back.picture).unwrap();
                assert_eq!(
                    psnr, kept.psnr_db,
                    "{width}×{height} {channels:?} {depth:?}"
                );
                assert!(
                    psnr > 24.0,
                    "{width}×{height} {channels:?} {depth:?}: {psnr}"
                );
                let png = decode_photo(&back.to_png().unwrap(), "png", LIMIT).unwrap();
                assert_eq!(png.photo, back);
            }
        }
    }
}

#[test]
fn goals_are_met_and_not_overdone() {
    let original = photo(64, 48, Channels::Colour, Depth::Eight);
    for db in [24.0, 33.0, 42.0] {
        let kept = keep(&original, Target::PsnrDb(db));
        assert!(
            (db..db + 0.5).contains(&kept.psnr_db),
            "{db}: {}",
            kept.psnr_db
        );
    }
    for size in [600, 1500, 4000] {
        let kept = keep(&original, Target::Bytes(size));
        let bytes = kept.bytes.len() as u64;
        assert!(bytes <= size && bytes * 10 >= size * 8, "{size}: {bytes}");
    }
    let small = keep(&original, Target::Quality(20.0));
    let large = keep(&original, Target::Quality(70.0));
    assert!(small.bytes.len() < large.bytes.len() && small.psnr_db < large.psnr_db);
}

#[test]
fn nothing_need_be_lost_of_eight_bits_and_hardly_anything_of_sixteen() {
    let original = photo(20, 13, Channels::Grey, Depth::Eight);
    let kept = keep(&original, Target::PsnrDb(150.0));
    assert!(kept.psnr_db.is_infinite());
    assert_eq!(kept.photo, original);
    let original = photo(20, 13, Channels::Grey, Depth::Sixteen);
    assert!(keep(&original, Target::PsnrDb(100.0)).psnr_db >= 100.0);
}

#[test]
fn goals_out_of_reach_are_refused_in_words() {
    let original = photo(64, 48, Channels::Colour, Depth::Eight);
    let refused = |target| {
        let result = compress(&original, target, Method::NonNegative, &Plain, &|_, _| ());
        result.unwrap_err().to_string()
    };
    assert!(refused(Target::Bytes(20)).contains("a size of 20 bytes cannot be met"));
    assert!(refused(Target::Bytes(0)).contains("at least 1 byte"));
    assert!(refused(Target::Quality(101.0)).contains("from 0 to 100"));
    assert!(refused(Target::Quality(f64::NAN)).contains("NaN"));
    assert!(refused(Target::PsnrDb(-3.0)).contains("5 to 150"));
}

#[test]
fn a_picture_of_low_rank_is_kept_whole() {
    // Two outer products: nothing that blocks of their own means could say in as few bytes.
    let (width, height) = (128, 96);
    let values = (0..width * height)
        .map(|i| {
            let (x, y) = (i % width, i / width);
            let first = ((x * 37 % 41) as f32 / 41.0) * ((y * 23 % 29) as f32 / 29.0);
            let second = ((x * 11 % 17) as f32 / 17.0) * ((y * 13 % 19) as f32 / 19.0);
            ((0.5 * first + 0.5 * second) * 255.0).round() / 255.0
        })
        .collect();
    let picture = PictureMatrix::new(height, width, Channels::Grey, values).unwrap();
    let original = Photo {
        picture,
        depth: Depth::Eight,
    };
    let kept = keep(&original, Target::Quality(50.0));
    assert_eq!(kept.way, Way::Whole);
    assert!(kept.psnr_db > 35.0, "{}", kept.psnr_db);
    assert!(kept.bytes.len() < 1000, "{}", kept.bytes.len());
    assert_eq!(decompress(&kept.bytes, "test", LIMIT).unwrap(), kept.photo);
    let singular = compress(
        &original,
        Target::Quality(50.0),
        Method::Singular,
        &Plain,
        &|_, _| (),
    )
    .unwrap();
    assert_eq!(
        decompress(&singular.bytes, "test", LIMIT).unwrap(),
        singular.photo
    );
    damage_is_never_a_panic(&kept.bytes[..]);
}

#[test]
fn the_same_picture_gives_the_same_bytes() {
    let original = photo(50, 30, Channels::Colour, Depth::Eight);
    let first = keep(&original, Target::Quality(40.0));
    assert_eq!(first.bytes, keep(&original, Target::Quality(40.0)).bytes);
}

/// Cuts and flips a file everywhere, with its checksum as it was and put right.
fn damage_is_never_a_panic(file: &[u8]) {
    for length in 0..file.len() {
        assert!(
            decompress(&file[..length], "cut", LIMIT).is_err(),
            "{length}"
        );
    }
    let mut long = file.to_vec();
    long.push(0);
    assert!(matches!(
        decompress(&long, "long", LIMIT),
        Err(AppError::Torn { .. })
    ));
    for place in 0..file.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut broken = file.to_vec();
            broken[place] ^= flip;
            assert!(decompress(&broken, "flipped", LIMIT).is_err(), "{place}");
            if place < file.len() - 4 {
                let end = broken.len() - 4;
                let checksum = crc32fast::hash(&broken[..end]).to_le_bytes();
                broken[end..].copy_from_slice(&checksum);
                // An error or some picture: what matters is that it comes back, within its limit.
                let _ = decompress(&broken, "forged", 1 << 22);
            }
        }
    }
}

#[test]
fn damaged_files_are_refused_and_forged_ones_do_no_harm() {
    let original = photo(20, 12, Channels::Colour, Depth::Eight);
    let kept = keep(&original, Target::Quality(30.0));
    damage_is_never_a_panic(&kept.bytes);
}

#[test]
fn what_is_wrong_is_said() {
    let kept = keep(
        &photo(12, 12, Channels::Grey, Depth::Eight),
        Target::Quality(40.0),
    );
    let error = |bytes: &[u8]| decompress(bytes, "x.pwz", LIMIT).unwrap_err().to_string();
    assert_eq!(error(b"not one"), "x.pwz is no .pwz file");
    assert_eq!(error(b""), "x.pwz is no .pwz file");
    assert!(error(&kept.bytes[..30]).contains("it is torn"));
    let mut later = kept.bytes.clone();
    later[4] = 2;
    assert_eq!(
        error(&later),
        "x.pwz is a .pwz file of version 2; this program reads version 1"
    );
    let mut flipped = kept.bytes.clone();
    flipped[25] ^= 4;
    assert_eq!(
        error(&flipped),
        "x.pwz does not match its checksum; it is damaged"
    );
}

#[test]
fn a_small_file_with_a_huge_header_is_refused() {
    let mut file = keep(
        &photo(12, 12, Channels::Grey, Depth::Eight),
        Target::Quality(40.0),
    )
    .bytes;
    file[7..11].copy_from_slice(&60_000_u32.to_le_bytes());
    file[11..15].copy_from_slice(&60_000_u32.to_le_bytes());
    let end = file.len() - 4;
    let checksum = crc32fast::hash(&file[..end]).to_le_bytes();
    file[end..].copy_from_slice(&checksum);
    let error = decompress(&file, "bomb.pwz", LIMIT).unwrap_err();
    assert!(matches!(error, AppError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("60000 × 60000"), "{error}");
}

/// Its blocks take as much as those of a picture that is sixteen rows high.
#[test]
fn a_picture_of_one_long_row_is_counted_by_its_blocks() {
    let mut file = keep(
        &photo(12, 12, Channels::Grey, Depth::Eight),
        Target::Quality(40.0),
    )
    .bytes;
    file[5] = 2;
    file[7..11].copy_from_slice(&(LIMIT as u32 / 40).to_le_bytes());
    file[11..15].copy_from_slice(&1_u32.to_le_bytes());
    let end = file.len() - 4;
    let checksum = crc32fast::hash(&file[..end]).to_le_bytes();
    file[end..].copy_from_slice(&checksum);
    let error = decompress(&file, "long.pwz", LIMIT).unwrap_err();
    assert!(matches!(error, AppError::TooLarge { .. }), "{error}");
}

#[test]
fn curves_rise_and_beside_the_svd_ours_is_not_larger() {
    let original = photo(96, 64, Channels::Grey, Depth::Eight);
    let curves = rate_distortion(&original, &Plain, &|_| true).unwrap();
    assert_eq!(curves.len(), 3);
    for curve in &curves {
        let points = curve.points.windows(2);
        for pair in points {
            assert!(pair[0].bytes < pair[1].bytes && pair[0].psnr_db < pair[1].psnr_db);
        }
    }
    let ratios = bytes_ratio(&curves[0], &curves[1]);
    let mean = ratios.iter().map(|(_, ratio)| ratio).sum::<f64>() / ratios.len() as f64;
    assert!(mean <= 1.0, "{ratios:?}");
    // Of a method beside itself nothing is more or less.
    let same = bytes_ratio(&curves[0], &curves[0]);
    assert_eq!(same.len(), curves[0].points.len());
    assert!(same.iter().all(|(_, ratio)| (ratio - 1.0).abs() < 1e-12));
    assert!(
        rate_distortion(&original, &Plain, &|_| false)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn jpegs_are_the_best_that_fit() {
    let original = photo(96, 64, Channels::Colour, Depth::Eight);
    let jpeg = jpeg_within(&original.picture, 3000).unwrap().unwrap();
    assert!(jpeg.bytes <= 3000 && jpeg.psnr_db > 20.0);
    let better = jpeg_within(&original.picture, 6000).unwrap().unwrap();
    assert!(better.quality > jpeg.quality && better.psnr_db > jpeg.psnr_db);
    assert!(jpeg_within(&original.picture, 100).unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_pictures_come_back_as_reported(
        width in 1_usize..20,
        height in 1_usize..20,
        colour in any::<bool>(),
        quality in 0.0..100.0_f64,
        seed in any::<u64>(),
    ) {
        let channels = if colour { Channels::Colour } else { Channels::Grey };
        let mut state = seed | 1;
        let values = (0..width * height * channels.count()).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 256) as f32 / 255.0
        }).collect();
        let picture = PictureMatrix::new(height, width, channels, values).unwrap();
        let original = Photo { picture, depth: Depth::Eight };
        let kept = keep(&original, Target::Quality(quality));
        let back = decompress(&kept.bytes, "test", LIMIT).unwrap();
        prop_assert_eq!(&back, &kept.photo);
        prop_assert_eq!(psnr_db(&original.picture, &back.picture).unwrap(), kept.psnr_db);
    }

    #[test]
    fn random_bytes_are_no_picture(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decompress(&body, "random", LIMIT).is_err());
        // As coded numbers of a sound header they are read to some end.
        let mut file = b"\x89PWZ\x01\x01\x00".to_vec();
        file.extend(24_u32.to_le_bytes());
        file.extend(16_u32.to_le_bytes());
        file.extend(0.1_f32.to_le_bytes());
        file.extend((body.len() as u32).to_le_bytes());
        file.extend(&body);
        file.extend(crc32fast::hash(&file).to_le_bytes());
        for way in 0..=2 {
            file[5] = way;
            let end = file.len() - 4;
            let checksum = crc32fast::hash(&file[..end]).to_le_bytes();
            file[end..].copy_from_slice(&checksum);
            if let Ok(photo) = decompress(&file, "forged", LIMIT) {
                prop_assert_eq!(photo.picture.shape(), (16, 24));
            }
        }
    }
}

/// A factoriser that gives up.
struct Failing;

impl Factoriser for Failing {
    fn non_negative(&self, _: &[f32], _: (usize, usize), _: usize) -> Result<Factors, FactorError> {
        Err("no memory for it".into())
    }

    fn singular(&self, _: &[f32], _: (usize, usize), _: usize) -> Result<Factors, FactorError> {
        Err("no memory for it".into())
    }
}

#[test]
fn a_picture_that_cannot_be_factored_is_refused() {
    let photo = photo(40, 30, Channels::Grey, Depth::Eight);
    let target = Target::Quality(50.0);
    let error = compress(&photo, target, Method::NonNegative, &Failing, &|_, _| ()).unwrap_err();
    assert!(matches!(error, AppError::Factorisation { .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("no memory"), "{source}");
}
