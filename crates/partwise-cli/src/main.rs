//! The program `partwise`.
fn main() {}
