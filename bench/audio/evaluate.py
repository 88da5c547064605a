"""How well `partwise audio` separates and transcribes: figures on recordings whose parts are known.

A folder of stems (`NAME_PART.wav`, one file a part, of equal length) is mixed. The first half of each
stem is the example of its part; the second half of the mixture is taken apart, and what comes out is
held against the second halves of the stems: SI-SDR and SDR (fast_bss_eval), and their gain over the
mixture itself. A recording with a table of notes (part, onset_s, dur_s, midi) is transcribed without
examples, and its onsets and pitches are held against the table (mir_eval, ±50 ms).

    python evaluate.py --program ../../target/release/partwise separate FOLDER NAME PART...
    python evaluate.py --program ../../target/release/partwise notes SOUND NOTES.tsv [--part PART] [-k K]
"""

import argparse
import csv
import subprocess
import tempfile
from pathlib import Path

import fast_bss_eval.numpy as bss
import mir_eval
import numpy as np
import soundfile


def run(program, *arguments):
    subprocess.run([program, "audio", *map(str, arguments), "--quiet", "--no-report"], check=True)


def db_table(title, parts, before, after):
    print(f"{title:10}  {'part':20} {'mixture':>9} {'separated':>9} {'gain':>7}  (dB)")
    for part, b, a in zip(parts, before, after, strict=True):
        print(f"{'':10}  {part:20} {b:9.2f} {a:9.2f} {a - b:7.2f}")
    print(f"{'':10}  {'mean':20} {np.mean(before):9.2f} {np.mean(after):9.2f} {np.mean(after - before):7.2f}")


def separate(options):
    """Stems of the second half from a mixture, with the first half as examples."""
    stems = []
    for part in options.parts:
        samples, rate = soundfile.read(options.folder / f"{options.name}_{part}.wav", always_2d=True)
        stems.append(samples.astype(np.float32))
    half = len(stems[0]) // 2
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        like = []
        for part, stem in zip(options.parts, stems, strict=True):
            path = folder / f"{part}.wav"
            soundfile.write(path, stem[:half], rate, subtype="FLOAT")
            like += ["--like", path]
        mixture = sum(stem[half:] for stem in stems)
        soundfile.write(folder / "mixture.wav", mixture, rate, subtype="FLOAT")
        run(
            options.program,
            folder / "mixture.wav",
            *like,
            "-k",
            options.k,
            "-o",
            folder / "out",
            *options.flags,
        )
        found = [soundfile.read(folder / "out" / f"{part}.wav", always_2d=True)[0] for part in options.parts]
    print(f"{options.name}: the sounds sum to the mixture within {np.abs(sum(found) - mixture).max():.1e}")
    reference = np.stack([stem[half:].mean(axis=1) for stem in stems])
    estimate = np.stack([sound.mean(axis=1) for sound in found])
    unseparated = np.stack([mixture.mean(axis=1)] * len(stems))
    for title, measure in [("SI-SDR", bss.si_sdr), ("SDR", bss.sdr)]:
        # Each reference stands against its own estimate: the examples say which is which.
        pairs = [measure(r[None], e[None]) for r, e in zip(reference, estimate, strict=True)]
        base = [measure(r[None], e[None]) for r, e in zip(reference, unseparated, strict=True)]
        db_table(title, options.parts, np.array(base).ravel(), np.array(pairs).ravel())


def notes(options):
    """Onsets and pitches of a recording."""
    with options.notes.open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if options.part in (None, row["part"])]
    onsets = np.array([float(row["onset_s"]) for row in rows])
    ends = onsets + np.array([float(row["dur_s"]) for row in rows])
    keys = np.array([int(row["midi"]) for row in rows])
    k = options.k or len(set(keys))
    with tempfile.TemporaryDirectory() as folder:
        run(options.program, options.sound, "-k", k, "-o", folder, *options.flags)
        with (Path(folder) / "notes.csv").open() as file:
            found = [row for row in csv.DictReader(file) if row["midi"]]
    starts = np.array([float(row["onset_s"]) for row in found])
    stops = np.array([float(row["end_s"]) for row in found])
    found_keys = np.array([int(row["midi"]) for row in found])
    onset = mir_eval.onset.f_measure(np.unique(onsets), np.unique(starts), window=0.05)
    note = mir_eval.transcription.precision_recall_f1_overlap(
        np.stack([onsets, ends], axis=1),
        mir_eval.util.midi_to_hz(keys),
        np.stack([starts, stops], axis=1),
        mir_eval.util.midi_to_hz(found_keys),
        onset_tolerance=0.05,
        offset_ratio=None,
    )
    print(f"{options.sound.name}, k = {k}: {len(rows)} notes, {len(found)} found")
    print("onsets            F1 {:.3f}, precision {:.3f}, recall {:.3f}".format(*onset))
    print("onset and pitch   F1 {2:.3f}, precision {0:.3f}, recall {1:.3f}".format(*note))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", default="partwise")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("separate")
    command.add_argument("folder", type=Path)
    command.add_argument("name")
    command.add_argument("parts", nargs="+")
    command.add_argument("-k", type=int, default=20, help="components of each example")
    command.set_defaults(work=separate)
    command = commands.add_parser("notes")
    command.add_argument("sound", type=Path)
    command.add_argument("notes", type=Path)
    command.add_argument("--part")
    command.add_argument("-k", type=int, help="components; as many as there are pitches if not given")
    command.set_defaults(work=notes)
    options, options.flags = parser.parse_known_args()
    options.work(options)


if __name__ == "__main__":
    main()
