//! The Logloom API.
