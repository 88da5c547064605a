//! A folder of its own and a command for every test.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use partwise_apps::audio::{SampleFormat, WaveFile};
use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder in which the program runs.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), bytes).expect("a file");
        self
    }

    /// The program with arguments that are separated by blanks.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path());
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Runs the program, which must succeed; what it printed.
    pub(crate) fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {complaint}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs the program, which must refuse with one line that holds all of `words`, and leave nothing.
    pub(crate) fn refused(&self, arguments: &str, words: &[&str]) {
        self.fails(arguments, 2, words);
    }

    /// Runs the program, which must fail with this code and one line, and leave nothing.
    pub(crate) fn fails(&self, arguments: &str, code: i32, words: &[&str]) {
        let before = self.names();
        let output = self.run(arguments);
        failed(&output, arguments, code, words);
        assert_eq!(self.names(), before, "{arguments}: left something");
    }

    /// Everything in the folder.
    pub(crate) fn names(&self) -> Vec<PathBuf> {
        let mut names = Vec::new();
        let mut open = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                names.push(path);
            }
        }
        names.sort();
        names
    }

    /// Runs the program, which must succeed; the most memory that it took, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak(&self, arguments: &str) -> u64 {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with("VmHWM:"));
            // What Linux calls kB.
            let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            peak = peak.max(1024 * kibibytes.unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert!(child.wait().unwrap().success(), "{arguments}");
        assert!(peak > 1_000_000, "nothing was seen");
        peak
    }

    /// Something for every use: photo.png, the folder faces, texts.txt and tone.wav.
    pub(crate) fn every_use(&self) {
        self.file("photo.png", png(64, 48, true));
        fs::create_dir(self.path("faces")).unwrap();
        for (name, colour) in [("a", false), ("b", true), ("c", false)] {
            self.file(&format!("faces/{name}.png"), png(16, 16, colour));
        }
        self.file(
            "texts.txt",
            "red apple\ngreen apple tree\nred car\nfast car road\ngreen tree\n",
        );
        let tone = (0..8000).map(|i| (i as f32 * 0.3).sin()).collect();
        let path = self.path("tone.wav");
        let mut file = WaveFile::create(&path, 1, 8000, SampleFormat::Float32).unwrap();
        file.append(&[tone]).unwrap();
        file.finish().unwrap();
    }

    /// A JSON file.
    pub(crate) fn json(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(name)).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Dense values of a file, row after row, and the names of rows and columns.
    pub(crate) fn matrix(&self, name: &str) -> Dense {
        let options = partwise_io::ReadOptions {
            dtype: partwise_io::Dtype::F64,
            ..Default::default()
        };
        let table = partwise_io::read(self.path(name), &options).expect("a matrix");
        let partwise_io::AnyMatrix::F64(partwise_io::Matrix::Dense(dense)) = table.matrix else {
            panic!("{name} is not dense");
        };
        let cells = (0..dense.rows).flat_map(|row| (0..dense.cols).map(move |col| (row, col)));
        Dense {
            shape: (dense.rows, dense.cols),
            values: cells.map(|(row, col)| dense.get(row, col)).collect(),
            row_names: table.row_names.unwrap_or_default(),
            col_names: table.col_names.unwrap_or_default(),
        }
    }

    pub(crate) fn model(&self, name: &str) -> partwise_io::Model {
        partwise_io::read_model(self.path(name)).expect("a model")
    }
}

/// A matrix read back.
pub(crate) struct Dense {
    pub(crate) shape: (usize, usize),
    pub(crate) values: Vec<f64>,
    pub(crate) row_names: Vec<String>,
    pub(crate) col_names: Vec<String>,
}

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_partwise"))
}

/// Begins what is said, whatever comes of the work, of a checkpoint that could not be written,
pub(crate) const NO_CHECKPOINT: &str = "partwise: warning: no checkpoint: ";
/// and of fits that could not be kept.
const NOT_KEPT: &str = "partwise: warning: what is done is no longer kept: ";

/// That the program failed with this code and one line that holds all of `words`.
pub(crate) fn failed(output: &Output, what: &str, code: i32, words: &[&str]) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{what}: {complaint}");
    let lines = complaint.lines();
    let lines: Vec<_> = lines
        .filter(|line| !line.starts_with(NO_CHECKPOINT) && !line.starts_with(NOT_KEPT))
        .collect();
    assert_eq!(lines.len(), 1, "{what}: {complaint}");
    assert!(
        lines[0].starts_with("partwise: error: "),
        "{what}: {complaint}"
    );
    for word in words {
        assert!(
            lines[0].contains(word),
            "{what}: no '{word}' in {complaint}"
        );
    }
    assert!(output.stdout.is_empty(), "{what}: printed something");
}

/// How many moments of a kind are tried: as many as usual, or as the variable asks for.
#[cfg(unix)]
pub(crate) fn kills(usual: u32) -> u32 {
    let asked = std::env::var("PARTWISE_KILLS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Close to rank 2: 6 × 4, with names of rows and columns.
pub(crate) const NAMED_CSV: &str = "\
sample,a,b,c,d
s1,1.0,2.0,0.5,0.1
s2,2.0,4.0,1.0,0.2
s3,0.5,0.1,3.0,2.0
s4,1.0,0.2,6.0,4.0
s5,1.5,2.1,3.5,2.1
s6,3.0,4.2,7.0,4.2
";

/// The same numbers without names.
pub(crate) fn plain_text() -> String {
    let lines = NAMED_CSV.lines().skip(1);
    let numbers = lines.map(|line| line.split(',').skip(1).collect::<Vec<_>>().join(" "));
    numbers.collect::<Vec<_>>().join("\n") + "\n"
}

/// The same numbers as a flat list.
pub(crate) fn plain_values() -> Vec<f64> {
    plain_text()
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect()
}

/// An .npy file of any header and bytes; `shape` as Python writes it.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// An .npy file of 64-bit floats.
pub(crate) fn npy_f64(rows: usize, cols: usize, values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("<f8", &format!("({rows}, {cols})"), &data)
}

/// An .npy file of 32-bit floats.
pub(crate) fn npy_f32(rows: usize, cols: usize, values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| (*value as f32).to_le_bytes())
        .collect();
    npy("<f4", &format!("({rows}, {cols})"), &data)
}

/// An .npz file of scipy with every entry of a dense matrix stored in rows.
pub(crate) fn scipy_npz(rows: usize, cols: usize, values: &[f64]) -> Vec<u8> {
    let integers = |numbers: Vec<i32>| -> Vec<u8> {
        let data: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        npy("<i4", &format!("({},)", numbers.len()), &data)
    };
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let members = [
        (
            "indices.npy",
            integers((0..rows).flat_map(|_| 0..cols as i32).collect()),
        ),
        (
            "indptr.npy",
            integers((0..=rows as i32).map(|row| row * cols as i32).collect()),
        ),
        (
            "data.npy",
            npy("<f8", &format!("({},)", values.len()), &data),
        ),
        ("shape.npy", integers(vec![rows as i32, cols as i32])),
        ("format.npy", npy("|S3", "()", b"csr")),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(name, options).expect("a member");
        archive.write_all(&bytes).expect("a member");
    }
    archive.finish().expect("an archive").into_inner()
}

/// A smooth picture as a PNG file: grey, or with another gradient in every channel.
pub(crate) fn png(width: u32, height: u32, colour: bool) -> Vec<u8> {
    let shade = |x: u32, y: u32, step: u32| ((x * step + y * 3) % 256) as u8;
    let picture: image::DynamicImage = if colour {
        let pixel = |x, y| image::Rgb([shade(x, y, 1), shade(x, y, 2), shade(x, y, 4)]);
        image::RgbImage::from_fn(width, height, pixel).into()
    } else {
        image::GrayImage::from_fn(width, height, |x, y| image::Luma([shade(x, y, 2)])).into()
    };
    let mut file = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut file, image::ImageFormat::Png)
        .expect("a PNG");
    file.into_inner()
}

/// Three kinds of samples, each of its own columns, with noise that is the same on every machine.
pub(crate) fn three_kinds() -> Vec<u8> {
    let noise = |i: usize| (i * 7919 % 101) as f64 / 101.0;
    let entry = |at: usize| {
        let (i, j) = (at / 15, at % 15);
        let own = if i % 3 == j / 5 {
            3.0 + 4.0 * noise(31 * i) + 2.0 * noise(17 * j)
        } else {
            0.0
        };
        own + 0.5 * noise(at)
    };
    let values: Vec<f64> = (0..24 * 15).map(entry).collect();
    npy_f64(24, 15, &values)
}
