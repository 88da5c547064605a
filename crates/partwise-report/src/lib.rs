//! partwise-report
