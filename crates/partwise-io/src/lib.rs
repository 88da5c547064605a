//! partwise-io
