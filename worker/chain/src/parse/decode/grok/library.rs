//! The patterns that every manifest can name: `patterns.txt`, read once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The text of the library.
const TEXT: &str = include_str!("patterns.txt");

/// All patterns of the library, by name.
pub(super) fn library() -> &'static BTreeMap<&'static str, &'static str> {
    static LIBRARY: OnceLock<BTreeMap<&'static str, &'static str>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).collect()
    })
}
