//! Decoders of other crates, whose panic over a damaged file becomes an error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::AppError;

thread_local! {
    /// How many of them are at work.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is within a decoder of another crate, in which a panic over a damaged file becomes an [`AppError`]: a
/// program's panic hook can leave it unsaid.
pub fn panics_are_errors() -> bool {
    GUARDS.get() > 0
}

/// Runs the work of a decoder that was made elsewhere; `panicked` is what a panic of it means, given words for it.
pub(crate) fn guarded<R>(
    work: impl FnOnce() -> Result<R, AppError>,
    panicked: impl FnOnce(&'static str) -> AppError,
) -> Result<R, AppError> {
    GUARDS.set(GUARDS.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDS.set(GUARDS.get() - 1);
    done.unwrap_or_else(|_| Err(panicked("its parts do not go together")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let empty = |name: &str| AppError::Empty {
            name: name.to_owned(),
            width: 0,
            height: 0,
        };
        assert!(guarded(|| Ok(panics_are_errors()), empty).unwrap());
        let error = guarded::<()>(|| panic!("a decoder's own"), empty).unwrap_err();
        assert!(error.to_string().contains("do not go together"), "{error}");
        assert!(!panics_are_errors());
    }
}
