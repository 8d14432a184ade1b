//! Remedies: the nearest known word, and what a pattern asks for in words.

use crate::text;
use crate::units;

/// The known word that was probably meant, if one is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let bound = 1 + folded.chars().count() / 4;
    known
        .into_iter()
        .map(|candidate| (distance(&folded, &fold(candidate), bound), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, candidate)| (*distance, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// `min_workers`, `MinWorkers` and `min-workers` are the same word.
fn fold(word: &str) -> String {
    word.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).take(64).collect()
}

/// Edit distance with transpositions (optimal string alignment), or more than `bound` if it is above it.
fn distance(left: &str, right: &str, bound: usize) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len().abs_diff(right.len()) > bound {
        return bound + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let replace = last[column] + usize::from(from != to);
            let mut best = replace.min(last[column + 1] + 1).min(current[column] + 1);
            let is_swap = row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to;
            if is_swap {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

/// What a field's pattern asks for: a noun, and how it is written.
fn asked_for(pattern: &str) -> Option<(&'static str, &'static str)> {
    Some(match pattern {
        units::DURATION_PATTERN => {
            ("a duration", "whole numbers with d, h, m, s, ms or us, largest first, such as 10s, 1m30s or 500ms")
        }
        units::BYTE_SIZE_PATTERN => ("a size", "a whole number with B, KiB, MiB, GiB or TiB, such as 64KiB"),
        units::QUANTITY_PATTERN => {
            ("a quantity", "a number, then m, k, Ki, M, Mi, G, Gi, T or Ti, such as 500m or 16Gi")
        }
        text::NAME_PATTERN => {
            ("a name", "lower-case letters, digits, -, _ and ., starting and ending with a letter or digit")
        }
        text::IDENT_PATTERN => ("a name", "letters, digits and _, not starting with a digit"),
        text::COLUMN_PATTERN => ("a column", "names of letters, digits and _, joined by dots"),
        text::SECRET_NAME_PATTERN => ("the name of a Secret", "lower-case letters, digits, - and ."),
        text::URL_PATTERN => ("an address", "with its scheme, such as https://search.example:9200"),
        text::HOST_PATTERN => ("a host", "a name or an IP address, such as mail.example"),
        text::INSTANT_PATTERN => ("a time", "as RFC 3339, such as 2026-11-01T10:42:00Z"),
        text::TOPIC_PATTERN => ("a topic", "letters, digits, ., _ and -"),
        text::RELATIVE_PATH_PATTERN => ("a relative path", "with forward slashes, such as protos/app.proto"),
        _ => return None,
    })
}

/// What to write where a text does not match the pattern.
pub(crate) fn form(pattern: &str) -> String {
    match asked_for(pattern) {
        Some((noun, details)) => format!("write {noun}: {details}"),
        None => format!("write a text that matches {pattern}"),
    }
}

/// What a text with this pattern is.
pub(crate) fn noun(pattern: &str) -> &'static str {
    asked_for(pattern).map_or("a text", |(noun, _)| noun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["lateness", "minWorkers", "tumbling", "on", "name"];
        assert_eq!(nearest("latness", known), Some("lateness"));
        assert_eq!(nearest("min_workers", known), Some("minWorkers"));
        assert_eq!(nearest("Tumbling", known), Some("tumbling"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("kafka", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("no", known), Some("on"));
    }
}
