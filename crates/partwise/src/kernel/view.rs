//! Views of other libraries' arrays, without a copy.
#![expect(
    unsafe_code,
    reason = "a strided view can only be rebuilt from its pointer"
)]

use faer::MatRef;

/// The same memory as an `ndarray` view, of any strides.
pub(crate) fn from_ndarray<T>(array: ndarray::ArrayView2<'_, T>) -> MatRef<'_, T> {
    let (rows, cols) = array.dim();
    let strides = array.strides();
    // SAFETY: pointer, shape and strides come from a live view, so every entry they reach is readable for its
    // lifetime, which the result keeps.
    unsafe { MatRef::from_raw_parts(array.as_ptr(), rows, cols, strides[0], strides[1]) }
}
