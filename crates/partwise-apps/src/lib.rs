//! partwise-apps
