//! partwise
