//! decode
mod combined;
mod cri;
mod csv;
mod dissect;
mod docker;
mod error;
mod json;
mod key_value;
mod keys;
mod logfmt;
mod names;
mod path;
mod quoted;
mod syslog;
#[cfg(test)]
mod testing;
