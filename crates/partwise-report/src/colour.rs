//! Colours of data: a palette for curves and maps for numbers.
//!
//! All are safe for the common kinds of colour blindness.

/// Colours of curves, in this order: M. Okabe and K. Ito, "Color Universal Design" (2008), without
/// the yellow, which is too light for a line on white.
pub const CURVES: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// Every sixteenth colour of "viridis" by S. van der Walt, N. Smith and E. Firing (CC0), from
/// matplotlib.
pub(crate) const VIRIDIS: [u32; 17] = [
    0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26828e, 0x21918c,
    0x1f9f88, 0x27ad81, 0x3dbc74, 0x5cc863, 0x81d34d, 0xaadc32, 0xd5e21a, 0xfde725,
];

/// "RdBu" with 11 classes by C. Brewer (ColorBrewer 2, Apache 2.0), turned round: blue is negative.
const BLUE_RED: [u32; 11] = [
    0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d,
    0xb2182b, 0x67001f,
];

/// The sequential map: dark violet at 0 to yellow at 1, lightness growing evenly.
///
/// Values outside are taken as the nearest end, NaN as 0.
pub fn viridis(value: f64) -> [u8; 3] {
    between(&VIRIDIS, value)
}

/// The diverging map: blue at −1, near white at 0, red at +1.
///
/// Values outside are taken as the nearest end, NaN as 0.
pub fn diverging(value: f64) -> [u8; 3] {
    let value = if value.is_nan() { 0.0 } else { value };
    between(&BLUE_RED, 0.5 + 0.5 * value)
}

/// Grey of the given lightness: black at 0, white at 1; NaN as 0.
pub fn grey(value: f64) -> [u8; 3] {
    [byte(value * 255.0); 3]
}

fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The colour at `value` in 0..1 of evenly spaced stops, linear in between.
fn between(stops: &[u32], value: f64) -> [u8; 3] {
    let last = stops.len() - 1;
    let place = value.clamp(0.0, 1.0) * last as f64;
    let below = (place as usize).min(last);
    let above = (below + 1).min(last);
    let weight = if place.is_nan() {
        0.0
    } else {
        place - below as f64
    };
    std::array::from_fn(|channel| {
        let sample = |stop: u32| f64::from(stop.to_be_bytes()[channel + 1]);
        byte(sample(stops[below]) * (1.0 - weight) + sample(stops[above]) * weight)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex([red, green, blue]: [u8; 3]) -> String {
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    #[test]
    fn ends_and_centres_are_the_published_colours() {
        assert_eq!(hex(viridis(0.0)), "#440154");
        assert_eq!(hex(viridis(0.5)), "#21918c");
        assert_eq!(hex(viridis(1.0)), "#fde725");
        assert_eq!(hex(diverging(0.0)), "#f7f7f7");
        assert_eq!(hex(diverging(-1.0)), "#053061");
        assert_eq!(hex(diverging(1.0)), "#67001f");
        assert_eq!(hex(grey(1.0)), "#ffffff");
    }

    #[test]
    fn odd_values_have_defined_colours() {
        assert_eq!(viridis(f64::NAN), viridis(0.0));
        assert_eq!(diverging(f64::NAN), diverging(0.0));
        assert_eq!(grey(f64::NAN), [0; 3]);
        assert_eq!(viridis(-7.0), viridis(0.0));
        assert_eq!(diverging(f64::INFINITY), diverging(1.0));
    }

    #[test]
    fn viridis_grows_lighter_throughout() {
        let lightness: Vec<f64> = (0..=100)
            .map(|step| {
                let [r, g, b] = viridis(f64::from(step) / 100.0).map(f64::from);
                0.2126 * r + 0.7152 * g + 0.0722 * b
            })
            .collect();
        assert!(lightness.windows(2).all(|pair| pair[1] >= pair[0]));
    }
}
