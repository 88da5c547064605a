//! Readers of Zarr: the input is a folder, in an archive as simple as can be.
//!
//! Each file begins at a line `>> path`; what follows up to the next one is its content.

#![no_main]

use std::fs;
use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use partwise_fuzz::{folder, split, survey};

const MOST_FILES: usize = 16;
const SIGN: &[u8] = b">> ";

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    let Some((bytes, choice)) = split(data, 1) else {
        return;
    };
    let root = folder().join("v.zarr");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir(&root).expect("a folder");
    for (path, content) in files(bytes) {
        // By its parts: a slash at the end would want a folder.
        let path = path.components().fold(root.clone(), |path, part| path.join(part));
        // A file may stand where a folder is wanted.
        let made = path.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok());
        if made && !path.is_dir() {
            fs::write(&path, content).expect("a file");
        }
    }
    survey(&["zarr"], &root, choice[0]);
});

/// The files of the archive whose paths stay in the folder.
fn files(bytes: &[u8]) -> Vec<(&Path, &[u8])> {
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(SIGN) && (*at == 0 || bytes[at - 1] == b'\n'))
        .chain([bytes.len()])
        .collect();
    let parts = starts.windows(2).take(MOST_FILES);
    let parts = parts.filter_map(|part| {
        let part = &bytes[part[0] + SIGN.len()..part[1]];
        let end = part.iter().position(|byte| *byte == b'\n')?;
        let path = Path::new(str::from_utf8(&part[..end]).ok()?);
        let inside = |part| matches!(part, Component::Normal(name) if name.len() < 40);
        let good = !path.as_os_str().is_empty()
            && !part[..end].contains(&0)
            && path.components().count() < 6
            && path.components().all(inside);
        // The line end before the next sign belongs to the archive.
        let content = &part[end + 1..];
        good.then_some((path, content.strip_suffix(b"\n").unwrap_or(content)))
    });
    parts.collect()
}
