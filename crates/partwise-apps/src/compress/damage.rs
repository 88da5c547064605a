//! What a reader of the coded numbers says of a file that no writer has made.

/// What is wrong, in words that follow "the file is damaged: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage(pub(super) &'static str);
