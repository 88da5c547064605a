// Plays samples that may change while they sound.

/** Seconds in which the old sound gives way to the new one: short enough not to be heard as two. */
const CROSSFADE = 0.02;

function makePlayer(sampleRate, onChange) {
  let context = null;
  let voice = null;
  /** Where we stand while silent, and where and when the sound began while not, in seconds. */
  let offset = 0;
  let began = 0;

  const player = {
    samples: new Float32Array(0),
    playing: false,
    get duration() {
      return player.samples.length / sampleRate;
    },
    get time() {
      return player.playing ? Math.min(offset + context.currentTime - began, player.duration) : offset;
    },
    /** Other samples of the same length, heard at once. */
    load(samples) {
      const { playing, time } = player;
      player.samples = samples;
      if (playing) start(time);
    },
    play() {
      if (!context) context = new AudioContext();
      context.resume();
      start(offset >= player.duration - 0.01 ? 0 : offset);
    },
    pause() {
      const { time } = player;
      hush();
      player.playing = false;
      offset = time;
      onChange();
    },
    seek(seconds) {
      const to = clamp(seconds, 0, player.duration);
      if (player.playing) start(to);
      else offset = to;
      onChange();
    },
  };

  const hush = () => {
    if (!voice) return;
    const { source, gain } = voice;
    voice = null;
    source.onended = null;
    gain.gain.setValueAtTime(1, context.currentTime);
    gain.gain.linearRampToValueAtTime(0, context.currentTime + CROSSFADE);
    source.stop(context.currentTime + CROSSFADE);
  };
  const start = (from) => {
    hush();
    const buffer = context.createBuffer(1, player.samples.length, sampleRate);
    buffer.copyToChannel(player.samples, 0);
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = buffer;
    source.connect(gain).connect(context.destination);
    gain.gain.setValueAtTime(0, context.currentTime);
    gain.gain.linearRampToValueAtTime(1, context.currentTime + CROSSFADE);
    source.onended = () => {
      voice = null;
      player.playing = false;
      offset = player.duration;
      onChange();
    };
    [offset, began] = [from, context.currentTime];
    source.start(0, from);
    voice = { source, gain };
    player.playing = true;
    onChange();
  };
  return player;
}

/** The samples as the bytes of a WAV file, 16 bits, one channel. */
function wavFile(samples, sampleRate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (at, letters) => Array.from(letters, (letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(clamp(value, -1, 1) * 32767), true));
  return new Blob([view.buffer], { type: "audio/wav" });
}

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = (tenths % 600) / 10;
  return `${Math.floor(tenths / 600)}:${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
}
