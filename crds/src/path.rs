//! Paths into a resource: `spec.windows[1].lateness`, `spec.fields[0].map["a.b"]`.
//!
//! One way to write them, so that the position of a path can be looked up by its text.

use std::fmt::Write as _;

/// The path of a member of what `parent` names.
pub fn member(parent: &str, key: &str) -> String {
    let mut path = String::with_capacity(parent.len() + key.len() + 1);
    path.push_str(parent);
    push_member(&mut path, key);
    path
}

/// The path of an item of the list that `parent` names; the first is 0.
pub fn item(parent: &str, index: usize) -> String {
    let mut path = parent.to_owned();
    push_item(&mut path, index);
    path
}

pub(crate) fn push_member(path: &mut String, key: &str) {
    let is_plain =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !is_plain {
        let _ = write!(path, "[{key:?}]");
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

pub(crate) fn push_item(path: &mut String, index: usize) {
    let _ = write!(path, "[{index}]");
}

/// The path one level up; none for the whole resource.
pub fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    if let Some(inner) = path.strip_suffix(']') {
        // A quoted key may hold brackets and dots, so its opening is the last `["` outside it.
        let opening = match inner.strip_suffix('"') {
            Some(quoted) => opening_of_quoted(quoted)?,
            None => inner.rfind('[')?,
        };
        return Some(&path[..opening]);
    }
    // A plain key has neither dot nor bracket: what ends before it is a dot, or nothing.
    Some(path.rfind('.').map_or("", |dot| &path[..dot]))
}

/// Where `["` of the last quoted key begins, given the path without the key's closing `"]`.
fn opening_of_quoted(path: &str) -> Option<usize> {
    let bytes = path.as_bytes();
    let mut end = bytes.len();
    loop {
        let quote = path[..end].rfind('"')?;
        let backslashes = bytes[..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        // An escaped quote belongs to the key.
        if backslashes % 2 == 0 {
            return quote.checked_sub(1).filter(|opening| bytes[*opening] == b'[');
        }
        end = quote;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_undo_members_and_items() {
        for key in ["a", "a-b", "a.b", "", "x]y", "q\"uote", "[", "ends\\", "\"]", "[\"", "tab\t"] {
            for root in ["", "spec", "spec[3]", "spec[\"a.b\"]"] {
                assert_eq!(parent(&member(root, key)), Some(root), "{key:?} in {root:?}");
            }
        }
        assert_eq!(parent(&item("spec.windows", 1)), Some("spec.windows"));
        assert_eq!(parent(""), None);
    }
}
