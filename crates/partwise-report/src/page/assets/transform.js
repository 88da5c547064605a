// The short-time Fourier transform, there and back, and the masks of the components.

/** The discrete Fourier transform of n complex numbers in place, n a power of two; (re, im) swapped goes back, times n. */
function makeFourier(n) {
  const levels = Math.log2(n);
  const cosine = Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sine = Float64Array.from({ length: n / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / n));
  const reversed = Uint32Array.from({ length: n }, (_, i) => {
    let place = 0;
    for (let bit = 0; bit < levels; bit++) place |= ((i >> bit) & 1) << (levels - 1 - bit);
    return place;
  });
  return (re, im) => {
    for (let i = 0; i < n; i++) {
      const j = reversed[i];
      if (j <= i) continue;
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
    for (let half = 1; half < n; half *= 2) {
      const step = n / (2 * half);
      for (let start = 0; start < n; start += 2 * half) {
        for (let i = 0; i < half; i++) {
          const [c, s] = [cosine[i * step], sine[i * step]];
          const [a, b] = [start + i, start + i + half];
          const x = re[b] * c + im[b] * s;
          const y = im[b] * c - re[b] * s;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
  };
}

/**
 * Frames centred on multiples of hop, with a periodic Hann window before and after, and zeros beyond the ends.
 * Spectra are frames × bins, frames / 2 + 1 bins each.
 */
function makeStft({ frame, hop, frames, length }) {
  const fourier = makeFourier(frame);
  const bins = frame / 2 + 1;
  const hann = Float64Array.from({ length: frame }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / frame));
  const [a, b] = [new Float64Array(frame), new Float64Array(frame)];
  // Overlapping windows, squared: what the sum of the frames must be divided by.
  const overlap = new Float64Array(length);
  const each = (act) => {
    for (let t = 0; t < frames; t++) {
      const start = t * hop - frame / 2;
      act(t, start, Math.max(-start, 0), Math.min(length - start, frame));
    }
  };
  each((t, start, from, to) => {
    for (let i = from; i < to; i++) overlap[start + i] += hann[i] ** 2;
  });
  return {
    bins,
    /** The spectra of the samples. */
    forward(samples) {
      const re = new Float32Array(frames * bins);
      const im = new Float32Array(frames * bins);
      each((t, start, from, to) => {
        a.fill(0);
        b.fill(0);
        for (let i = from; i < to; i++) a[i] = samples[start + i] * hann[i];
        fourier(a, b);
        re.set(a.subarray(0, bins), t * bins);
        im.set(b.subarray(0, bins), t * bins);
      });
      return { re, im };
    },
    /** The samples whose spectra are these times the mask (frames × bins). */
    backward({ re, im }, mask) {
      const sum = new Float64Array(length);
      each((t, start, from, to) => {
        for (let f = 0, at = t * bins; f < bins; f++, at++) {
          a[f] = re[at] * mask[at];
          b[f] = im[at] * mask[at];
        }
        for (let f = 1; f < frame / 2; f++) {
          a[frame - f] = a[f];
          b[frame - f] = -b[f];
        }
        fourier(b, a);
        for (let i = from; i < to; i++) sum[start + i] += (a[i] * hann[i]) / frame;
      });
      return Float32Array.from(sum, (value, i) => (overlap[i] > 0 ? value / overlap[i] : 0));
    },
  };
}

/** The mixture and any part of it. */
function makeMixer(section) {
  const { frame, hop, frames, rank } = section;
  const samples = numbers(section.samples);
  const w = numbers(section.w);
  const h = numbers(section.h);
  const stft = makeStft({ frame, hop, frames, length: samples.length });
  const { bins } = stft;
  const spectra = stft.forward(samples);
  const magnitude = new Float32Array(frames * bins);
  for (let i = 0; i < magnitude.length; i++) magnitude[i] = Math.hypot(spectra.re[i], spectra.im[i]);

  /** Σ over the components of W H, frames × bins. */
  const model = (components) => {
    const sum = new Float32Array(frames * bins);
    for (let t = 0; t < frames; t++) {
      const at = t * bins;
      for (const c of components) {
        const gain = h[c * frames + t];
        if (gain === 0) continue;
        for (let f = 0, spectrum = c * bins; f < bins; f++) sum[at + f] += gain * w[spectrum + f];
      }
    }
    return sum;
  };
  const whole = model(Array.from({ length: rank }, (_, c) => c));

  return {
    samples, bins, frames, magnitude,
    spectrum: (c) => w.subarray(c * bins, (c + 1) * bins),
    activation: (c) => h.subarray(c * frames, (c + 1) * frames),
    /** What these components sound like, and the share of each place of the spectrogram that is theirs. */
    mix(components) {
      const mask = model(components);
      const share = components.length / rank;
      for (let i = 0; i < mask.length; i++) {
        // Where no component sounds at all each gets the same, so that all of them make up the mixture.
        mask[i] = whole[i] > 0 ? Math.min(mask[i] / whole[i], 1) : share;
      }
      return { samples: stft.backward(spectra, mask), mask };
    },
  };
}
