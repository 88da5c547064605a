//! A corpus in a folder of its own.

use std::fs;

use partwise_apps::text::{Corpus, Fields};
use tempfile::TempDir;

/// A file of documents with the usual fields, and the folder that keeps it.
pub(crate) fn corpus_of(name: &str, bytes: &[u8]) -> (TempDir, Corpus) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file");
    let corpus = Corpus::open(&path, None, Fields::default()).expect("a corpus");
    (folder, corpus)
}
