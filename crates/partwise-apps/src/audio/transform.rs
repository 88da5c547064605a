//! The short-time Fourier transform and its inverse.
//!
//! Frame t is centred on sample t · hop; the sound is silent beyond its ends. With window w the spectrum is
//! X(t, f) = Σ w(i) x(t·hop + i − frame/2) e^(−2πi f i / frame). The inverse adds the windowed frames and divides by the sum
//! of the squared windows at each sample (Griffin & Lim 1984): exact for a spectrum that was not changed, and the nearest
//! sound in the least-squares sense for one that was.

use std::{f64::consts::TAU, fmt, str::FromStr, sync::Arc};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::AppError;

/// The weights that a frame is looked at with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Window {
    /// Hann: ½ − ½ cos.
    #[default]
    Hann,
    /// The square root of Hann: a half wave of a sine.
    Sine,
    /// Hamming: 0.54 − 0.46 cos.
    Hamming,
    /// Blackman: low side lobes, a wide main lobe.
    Blackman,
}

impl Window {
    /// Every window, with its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("hann", Self::Hann),
        ("sine", Self::Sine),
        ("hamming", Self::Hamming),
        ("blackman", Self::Blackman),
    ];

    /// The weights of a frame, periodic.
    pub fn weights(self, frame: usize) -> Vec<f32> {
        let weight = |place: usize| {
            let angle = TAU * place as f64 / frame as f64;
            match self {
                Self::Hann => 0.5 - 0.5 * angle.cos(),
                Self::Sine => (0.5 * angle).sin(),
                Self::Hamming => 0.54 - 0.46 * angle.cos(),
                Self::Blackman => 0.42 - 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos(),
            }
        };
        (0..frame)
            .map(|place| weight(place).max(0.0) as f32)
            .collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, window)| window == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for Window {
    type Err = AppError;

    fn from_str(text: &str) -> Result<Self, AppError> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named
            .map(|(_, window)| *window)
            .ok_or_else(|| AppError::Parameter {
                name: "window",
                value: text.to_owned(),
                expected: "hann, sine, hamming or blackman".to_owned(),
            })
    }
}

/// How a sound is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Samples a frame: even, at least 16.
    pub frame: usize,
    /// Samples from one frame to the next: 1 to half a frame.
    pub hop: usize,
    /// The weights within a frame.
    pub window: Window,
}

impl Framing {
    /// Seconds of the usual frame: long enough to tell the notes of the middle octaves apart.
    const SECONDS: f64 = 0.046;

    /// The usual framing at `rate` samples a second: a power of two near 46 ms, four frames over each sample.
    pub fn usual(rate: u32) -> Self {
        let samples = Self::SECONDS * f64::from(rate);
        let frame = 1_usize << (samples.max(16.0).log2().round() as u32);
        Self {
            frame,
            hop: frame / 4,
            window: Window::Hann,
        }
    }

    /// # Errors
    ///
    /// [`AppError::Parameter`] with what would be right.
    fn check(&self) -> Result<(), AppError> {
        let refuse = |name, value: usize, expected: String| {
            Err(AppError::Parameter {
                name,
                value: value.to_string(),
                expected,
            })
        };
        if self.frame < 16 || !self.frame.is_multiple_of(2) || self.frame > 1 << 20 {
            let expected = "an even number of samples from 16 to 1048576".to_owned();
            return refuse("frame", self.frame, expected);
        }
        if self.hop == 0 || self.hop > self.frame / 2 {
            let expected = format!("1 to {}, half a frame", self.frame / 2);
            return refuse("hop", self.hop, expected);
        }
        Ok(())
    }
}

/// The transform of one framing, ready to use from any thread.
#[derive(Clone)]
pub struct Transform {
    framing: Framing,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transform").field(&self.framing).finish()
    }
}

/// Room that a frame's transform works in.
#[derive(Clone, Debug)]
pub struct Workspace {
    samples: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Transform {
    /// The transform of a framing.
    ///
    /// # Errors
    ///
    /// [`AppError::Parameter`] for a frame or hop out of range.
    pub fn new(framing: Framing) -> Result<Self, AppError> {
        framing.check()?;
        let mut planner = RealFftPlanner::new();
        Ok(Self {
            framing,
            window: framing.window.weights(framing.frame),
            forward: planner.plan_fft_forward(framing.frame),
            inverse: planner.plan_fft_inverse(framing.frame),
        })
    }

    /// How it cuts.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Frequencies of a frame, from 0 to half the rate.
    pub fn bins(&self) -> usize {
        self.framing.frame / 2 + 1
    }

    /// Frames of a sound of `length` samples, so that each sample lies between two centres.
    pub fn frames(&self, length: usize) -> usize {
        length.div_ceil(self.framing.hop) + 1
    }

    /// Room for [`Self::analyse`] and [`Self::synthesise`].
    pub fn workspace(&self) -> Workspace {
        let scratch = self
            .forward
            .get_scratch_len()
            .max(self.inverse.get_scratch_len());
        Workspace {
            samples: vec![0.0; self.framing.frame],
            spectrum: vec![Complex::default(); self.bins()],
            scratch: vec![Complex::default(); scratch],
        }
    }

    /// The spectrum of frame `index` of one channel into `spectrum` (bins values).
    pub fn analyse(
        &self,
        channel: &[f32],
        index: usize,
        spectrum: &mut [Complex<f32>],
        workspace: &mut Workspace,
    ) {
        let Framing { frame, hop, .. } = self.framing;
        // The place of the frame's first sample, half a frame later.
        let begin = index * hop;
        let outside = (frame / 2).saturating_sub(begin).min(frame);
        let first = (begin + outside).saturating_sub(frame / 2);
        let count = channel.len().saturating_sub(first).min(frame - outside);
        let samples = &mut workspace.samples;
        samples[..outside].fill(0.0);
        samples[outside + count..].fill(0.0);
        let inside = outside..outside + count;
        for ((sample, x), weight) in samples[inside.clone()]
            .iter_mut()
            .zip(&channel[first..])
            .zip(&self.window[inside])
        {
            *sample = x * weight;
        }
        self.forward
            .process_with_scratch(samples, spectrum, &mut workspace.scratch)
            .expect("lengths are those of the plan");
    }

    /// Adds the windowed sound of a frame's spectrum, each bin times its entry of `mask`, to `sum` (frame samples).
    pub fn synthesise(
        &self,
        spectrum: &[Complex<f32>],
        mask: impl Iterator<Item = f32>,
        sum: &mut [f32],
        workspace: &mut Workspace,
    ) {
        for ((out, x), weight) in workspace.spectrum.iter_mut().zip(spectrum).zip(mask) {
            *out = x * weight;
        }
        // The lowest and the highest frequency have no phase; what rounding left there would be refused.
        let last = self.bins() - 1;
        workspace.spectrum[0].im = 0.0;
        workspace.spectrum[last].im = 0.0;
        self.inverse
            .process_with_scratch(
                &mut workspace.spectrum,
                &mut workspace.samples,
                &mut workspace.scratch,
            )
            .expect("lengths are those of the plan");
        let scale = 1.0 / self.framing.frame as f32;
        for ((out, x), weight) in sum.iter_mut().zip(&workspace.samples).zip(&self.window) {
            *out += x * weight * scale;
        }
    }

    /// Adds a frame's squared window to `sum` (frame values).
    pub fn add_squared_window(&self, sum: &mut [f32]) {
        for (out, weight) in sum.iter_mut().zip(&self.window) {
            *out += weight * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<f32> {
        let mut state = 12345_u32;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn a_frame_is_the_plain_fourier_sum() {
        let framing = Framing {
            frame: 16,
            hop: 4,
            window: Window::Hamming,
        };
        let transform = Transform::new(framing).unwrap();
        let samples = noise(21);
        let mut workspace = transform.workspace();
        let mut spectrum = vec![Complex::default(); transform.bins()];
        for index in 0..transform.frames(samples.len()) {
            transform.analyse(&samples, index, &mut spectrum, &mut workspace);
            for (bin, found) in spectrum.iter().enumerate() {
                let mut expected = Complex::new(0.0, 0.0);
                for place in 0..16 {
                    let at = (index * 4 + place).checked_sub(8);
                    let sample = at.and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
                    let angle = TAU * place as f64 / 16.0;
                    let weight = 0.54 - 0.46 * angle.cos();
                    expected +=
                        Complex::from_polar(f64::from(sample) * weight, -angle * bin as f64);
                }
                assert!((f64::from(found.re) - expected.re).abs() < 1e-5);
                assert!((f64::from(found.im) - expected.im).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn frames_and_hops_out_of_range_are_refused() {
        let refusal = |frame, hop| {
            let framing = Framing {
                frame,
                hop,
                window: Window::Hann,
            };
            Transform::new(framing).unwrap_err().to_string()
        };
        assert!(refusal(15, 4).contains("frame"));
        assert!(refusal(2, 1).contains("16"));
        assert!(refusal(64, 0).contains("hop"));
        assert!(refusal(64, 33).contains("32"));
    }

    #[test]
    fn the_usual_frame_is_near_46_ms() {
        assert_eq!(Framing::usual(44_100).frame, 2048);
        assert_eq!(Framing::usual(48_000).frame, 2048);
        assert_eq!(Framing::usual(22_050).frame, 1024);
        assert_eq!(Framing::usual(8_000).frame, 512);
        assert_eq!(Framing::usual(96_000).frame, 4096);
    }

    #[test]
    fn windows_have_names() {
        for (name, window) in Window::ALL {
            assert_eq!(name.parse::<Window>().unwrap(), window);
            assert_eq!(window.to_string(), name);
        }
        assert!("triangle".parse::<Window>().is_err());
    }
}
