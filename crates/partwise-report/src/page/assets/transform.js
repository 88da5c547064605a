// The short-time Fourier transform, there and back, and the masks of the components.

/** The discrete Fourier transform of n complex numbers in place; (re, im) swapped goes back, times n. */
function makeFourier(n) {
  return Number.isInteger(Math.log2(n)) ? makePowerFourier(n) : makeChirpFourier(n);
}

/** Any n by a convolution with a chirp, whose length is a power of two (Bluestein 1970): f·i = (f² + i² − (f − i)²) / 2. */
function makeChirpFourier(n) {
  const size = 2 ** Math.ceil(Math.log2(2 * n));
  const fourier = makePowerFourier(size);
  // e^(−πi i²/n), with i² taken modulo 2n, where the wave repeats and the angle stays exact.
  const angle = (i) => (Math.PI * ((i * i) % (2 * n))) / n;
  const cosine = Float64Array.from({ length: n }, (_, i) => Math.cos(angle(i)));
  const sine = Float64Array.from({ length: n }, (_, i) => Math.sin(angle(i)));
  const [chirpRe, chirpIm] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < n; i++) {
    chirpRe[i] = chirpRe[(size - i) % size] = cosine[i];
    chirpIm[i] = chirpIm[(size - i) % size] = sine[i];
  }
  fourier(chirpRe, chirpIm);
  const [a, b] = [new Float64Array(size), new Float64Array(size)];
  return (re, im) => {
    a.fill(0);
    b.fill(0);
    for (let i = 0; i < n; i++) {
      a[i] = re[i] * cosine[i] + im[i] * sine[i];
      b[i] = im[i] * cosine[i] - re[i] * sine[i];
    }
    fourier(a, b);
    for (let i = 0; i < size; i++) {
      [a[i], b[i]] = [a[i] * chirpRe[i] - b[i] * chirpIm[i], a[i] * chirpIm[i] + b[i] * chirpRe[i]];
    }
    fourier(b, a);
    for (let f = 0; f < n; f++) {
      re[f] = (a[f] * cosine[f] + b[f] * sine[f]) / size;
      im[f] = (b[f] * cosine[f] - a[f] * sine[f]) / size;
    }
  };
}

/** The fast one, for n a power of two. */
function makePowerFourier(n) {
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
 * Frames centred on multiples of hop, with the same window before and after, and zeros beyond the ends.
 * Spectra are frames × bins, frame / 2 + 1 bins each; frame is even.
 */
function makeStft({ frame, hop, frames, length, weights }) {
  const fourier = makeFourier(frame);
  const bins = frame / 2 + 1;
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
    for (let i = from; i < to; i++) overlap[start + i] += weights[i] ** 2;
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
        for (let i = from; i < to; i++) a[i] = samples[start + i] * weights[i];
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
        for (let i = from; i < to; i++) sum[start + i] += (a[i] * weights[i]) / frame;
      });
      return Float32Array.from(sum, (value, i) => (overlap[i] > 0 ? value / overlap[i] : 0));
    },
  };
}

/** The median of the values up to half places away, fewer at the ends. */
function runningMedian(values, half) {
  const sorted = [];
  const place = (value) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const add = (value) => sorted.splice(place(value), 0, value);
  for (let i = 0; i < Math.min(half, values.length); i++) add(values[i]);
  return values.map((_, i) => {
    if (i + half < values.length) add(values[i + half]);
    const median = sorted[sorted.length >> 1];
    if (i >= half) sorted.splice(place(values[i - half]), 1);
    return median;
  });
}

/** The share of strokes at each place of a spectrogram, frames × bins: P² / (H² + P²) of medians along frequency and time. */
function strokesOf(v, frames, bins, { alongTime, alongFrequency }) {
  const mask = new Float32Array(v.length);
  for (let f = 0; f < bins; f++) {
    const column = Float32Array.from({ length: frames }, (_, t) => v[t * bins + f]);
    runningMedian(column, alongTime).forEach((tone, t) => (mask[t * bins + f] = tone));
  }
  for (let t = 0; t < frames; t++) {
    runningMedian(v.subarray(t * bins, (t + 1) * bins), alongFrequency).forEach((stroke, f) => {
      const at = t * bins + f;
      const [tone, struck] = [mask[at] ** 2, stroke ** 2];
      mask[at] = tone + struck > 0 ? struck / (tone + struck) : 0.5;
    });
  }
  return mask;
}

/** The mixture and any of its parts: the components, and behind them the strokes that were set aside, if any were. */
function makeMixer(section) {
  const { frame, hop, frames, rank, taps, power } = section;
  const samples = numbers(section.samples);
  const w = numbers(section.w);
  const h = numbers(section.h);
  const stft = makeStft({ frame, hop, frames, length: samples.length, weights: numbers(section.window) });
  const { bins } = stft;
  const spectra = stft.forward(samples);
  const magnitude = new Float32Array(frames * bins);
  for (let i = 0; i < magnitude.length; i++) magnitude[i] = Math.hypot(spectra.re[i], spectra.im[i]);
  const strokes = section.strokes ? strokesOf(magnitude, frames, bins, section.strokes) : null;

  /** Adds Σ over the components of W H, frames × bins. */
  const addModel = (sum, components) => {
    for (let t = 0; t < frames; t++) {
      const at = t * bins;
      for (const c of components) {
        for (let tap = 0; tap < Math.min(taps, t + 1); tap++) {
          const gain = h[c * frames + t - tap];
          if (gain === 0) continue;
          for (let f = 0, spectrum = (tap * rank + c) * bins; f < bins; f++) sum[at + f] += gain * w[spectrum + f];
        }
      }
    }
    return sum;
  };
  const model = (components) => addModel(new Float32Array(frames * bins), components);
  const all = Array.from({ length: rank }, (_, c) => c);
  // Sources share as the powers of their models do, the components of a source as theirs.
  const listed = section.sources.map((source) => source.components);
  const sources = power === 1 ? [all] : [...listed, ...all.filter((c) => !listed.flat().includes(c)).map((c) => [c])];
  const models = sources.map(model);
  // Powers of shares of the largest, which are in range where those of the sizes may not be.
  const largest = models[0].map((_, i) => models.reduce((most, one) => Math.max(most, one[i]), 0));
  const raised = (x, i, exponent) => (largest[i] > 0 ? (x / largest[i]) ** exponent : 0);
  const powers = (_, i) => models.reduce((sum, one) => sum + raised(one[i], i, power), 0);
  const whole = power === 1 ? models[0] : models[0].map(powers);

  return {
    samples, bins, frames, magnitude,
    parts: strokes ? rank + 1 : rank,
    isStrokes: (c) => c === rank,
    spectrum(c) {
      const mean = new Float32Array(bins);
      if (c < rank) for (let tap = 0; tap < taps; tap++) mean.forEach((_, f) => (mean[f] += w[(tap * rank + c) * bins + f] / taps));
      else strokes.forEach((share, i) => (mean[i % bins] += (share * magnitude[i]) / frames));
      return mean;
    },
    activation(c) {
      if (c < rank) return h.subarray(c * frames, (c + 1) * frames);
      return Float32Array.from({ length: frames }, (_, t) => {
        let sum = 0;
        for (let f = 0, at = t * bins; f < bins; f++, at++) sum += strokes[at] * magnitude[at];
        return sum;
      });
    },
    /** What these parts sound like, and the share of each place of the spectrogram that is theirs. */
    mix(parts) {
      const components = parts.filter((c) => c < rank);
      const mask = new Float32Array(frames * bins);
      sources.forEach((source, s) => {
        const heard = source.filter((c) => components.includes(c));
        if (power === 1) addModel(mask, heard);
        else if (heard.length) model(heard).forEach((x, i) => (mask[i] += x > 0 ? raised(x, i, 1) * raised(models[s][i], i, power - 1) : 0));
      });
      const share = components.length / rank;
      const struck = parts.length > components.length;
      for (let i = 0; i < mask.length; i++) {
        // Where no component sounds at all each gets the same, so that all of them make up the mixture.
        mask[i] = whole[i] > 0 ? Math.min(mask[i] / whole[i], 1) : share;
        if (strokes) mask[i] = mask[i] * (1 - strokes[i]) + (struck ? strokes[i] : 0);
      }
      return { samples: stft.backward(spectra, mask), mask };
    },
  };
}
