//! Documents as a matrix of terms, and its factors as topics.
//!
//! The walk of a corpus: [`Corpus`] cuts a folder, JSON lines, a table or plain lines into blocks; [`count`] turns them
//! into counts of terms ([`Analysis`] says what a term is); [`select`] keeps the terms that are neither too rare nor too
//! common; [`Weighting`] makes tf-idf of the counts. With the defaults the matrix is that of scikit-learn's
//! `TfidfVectorizer`. No text is held longer than it takes to count it: the documents' beginnings that a reader of the
//! results wants to see are read again ([`Corpus::openings`]).
//!
//! The factors W (documents × topics) and H (topics × terms) come back as [`Topics`]: their shares, strongest terms and
//! typical documents; [`npmi`] and [`diversity`] say how good they are, [`positions`] puts them on a map, and
//! [`sizes_over`] compares them over dates or labels.

mod analysis;
mod coherence;
mod corpus;
mod count;
mod counter;
mod ids;
mod labels;
mod languages;
mod map;
mod over;
mod rows;
mod select;
mod tables;
mod texts;
mod topics;
mod weight;
mod words;

pub use analysis::Analysis;
pub use coherence::{COHERENCE_TERMS, DIVERSITY_TERMS, diversity, npmi};
pub use corpus::{Corpus, CorpusFormat, FOLDER_FIELD, Fields};
pub use count::{Counts, count, known};
pub use ids::Ids;
pub use labels::Labels;
pub use languages::Language;
pub use map::positions;
pub use over::{SizesOver, WITHOUT_LABEL, sizes_over};
pub use rows::TermRows;
pub use select::{Bound, Filters, Removed, Vocabulary, select};
pub use tables::{TopicRow, write_documents, write_sizes, write_topics, write_typical};
pub use texts::Texts;
pub use topics::{LEAST_WEIGHT, Sizes, Topics, by_share, name, reorder};
pub use weight::{Weight, Weighting};
pub use words::WordRule;
