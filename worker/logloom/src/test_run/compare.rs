//! Expected records against those that came.
//!
//! Each entry of an expectation must match a record of its own, in any order. A name that an entry does not give may have any
//! value, at every depth; lists are compared item by item. Numbers are equal to one part in 10^9, times are equal as
//! instants, and null is also what is absent.

use super::Difference;
use logloom_chain::parse::timestamp::instant;
use logloom_crds::path;
use logloom_crds::status::JsonMap;
use serde_json::Value;

/// Most differences that are shown of one entry: more would hide the first.
const SHOWN: usize = 8;
/// Most characters that are shown of a record.
const SHOWN_CHARACTERS: usize = 200;

/// One value that is not as expected.
struct Mismatch {
    path: String,
    expected: String,
    found: String,
}

/// Differences between what a test expects of a stream and what came, each with its path inside the test.
pub(super) fn compare(stream: &str, expected: &[JsonMap], found: &[Value]) -> Vec<(String, Difference)> {
    let around = format!("expect.{stream}");
    if expected.is_empty() && !found.is_empty() {
        let found = format!("{}, the first is {}", counted(found.len()), shorten(&found[0].to_string()));
        return vec![(around, difference(stream.to_owned(), "none".to_owned(), found))];
    }
    let candidates: Vec<Vec<usize>> = expected
        .iter()
        .map(|entry| (0..found.len()).filter(|index| mismatches(entry, &found[*index]).is_empty()).collect())
        .collect();
    let taken = pair_up(&candidates, found.len());
    let mut differences = Vec::new();
    for (index, entry) in expected.iter().enumerate() {
        if taken.contains(&Some(index)) {
            continue;
        }
        let place = path::item(stream, index);
        let free: Vec<&Value> =
            found.iter().zip(&taken).filter(|(_, taken)| taken.is_none()).map(|(record, _)| record).collect();
        let nearest = free.iter().map(|record| mismatches(entry, record)).min_by_key(Vec::len);
        match nearest {
            None => {
                let came = if found.is_empty() {
                    "nothing".to_owned()
                } else {
                    format!("no record beside the {} that other entries match", found.len())
                };
                let wanted = shorten(&serde_json::to_string(entry).unwrap_or_default());
                differences.push((path::item(&around, index), difference(place, wanted, came)));
            }
            Some(nearest) => differences.extend(nearest.into_iter().take(SHOWN).map(|mismatch| {
                let inner = format!("{}{}", path::item(&around, index), mismatch.path);
                (inner, difference(format!("{place}{}", mismatch.path), mismatch.expected, mismatch.found))
            })),
        }
    }
    differences
}

fn difference(place: String, expected: String, found: String) -> Difference {
    Difference { place, position: None, expected, found }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Gives each entry a record of its own, as many as can be (augmenting paths, Kuhn 1955). Per record: its entry.
fn pair_up(candidates: &[Vec<usize>], records: usize) -> Vec<Option<usize>> {
    fn place(entry: usize, candidates: &[Vec<usize>], seen: &mut [bool], taken: &mut [Option<usize>]) -> bool {
        for &record in &candidates[entry] {
            if std::mem::replace(&mut seen[record], true) {
                continue;
            }
            let is_free = taken[record].is_none_or(|other| place(other, candidates, seen, taken));
            if is_free {
                taken[record] = Some(entry);
                return true;
            }
        }
        false
    }
    let mut taken = vec![None; records];
    for entry in 0..candidates.len() {
        place(entry, candidates, &mut vec![false; records], &mut taken);
    }
    taken
}

fn mismatches(expected: &JsonMap, found: &Value) -> Vec<Mismatch> {
    let mut all = Vec::new();
    for (name, expected) in expected {
        value(expected, found.get(name), &path::member("", name), &mut all);
    }
    for mismatch in &mut all {
        // What follows an item of a list is a member of it.
        if !mismatch.path.starts_with('[') {
            mismatch.path.insert(0, '.');
        }
    }
    all
}

fn value(expected: &Value, found: Option<&Value>, at: &str, all: &mut Vec<Mismatch>) {
    let absent = &Value::Null;
    let found = found.unwrap_or(absent);
    match (expected, found) {
        (Value::Object(expected), Value::Object(_)) => {
            for (name, expected) in expected {
                value(expected, found.get(name), &path::member(at, name), all);
            }
        }
        (Value::Array(expected), Value::Array(items)) if expected.len() == items.len() => {
            for (index, expected) in expected.iter().enumerate() {
                value(expected, items.get(index), &path::item(at, index), all);
            }
        }
        _ if equal(expected, found) => {}
        _ => {
            let found = match (expected, found) {
                (Value::Array(_), Value::Array(items)) => {
                    format!("{} items: {}", items.len(), shorten(&found.to_string()))
                }
                _ => shorten(&found.to_string()),
            };
            all.push(Mismatch { path: at.to_owned(), expected: shorten(&expected.to_string()), found });
        }
    }
}

fn equal(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(left), Value::Number(right)) => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => left == right || (left - right).abs() <= left.abs() * 1e-9,
            _ => left == right,
        },
        (Value::String(left), Value::String(right)) => {
            left == right || instant(left).is_some_and(|left| instant(right) == Some(left))
        }
        _ => expected == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entries(list: Value) -> Vec<JsonMap> {
        serde_json::from_value(list).unwrap()
    }

    fn shown(expected: Value, found: Value) -> Vec<String> {
        let found: Vec<Value> = serde_json::from_value(found).unwrap();
        let show = |(path, difference): (String, Difference)| {
            format!("{path} | {}: {} / {}", difference.place, difference.expected, difference.found)
        };
        compare("alerts", &entries(expected), &found).into_iter().map(show).collect()
    }

    #[test]
    fn entries_match_in_any_order_and_at_every_depth() {
        let found = json!([
            { "state": "resolved", "scope": { "service": "cart", "host": "a" }, "at": "2026-01-01T00:01:00.000000Z" },
            { "state": "firing", "scope": { "service": "cart", "host": "a" }, "n": 3.0, "list": [1, { "x": 2, "y": 3 }] },
        ]);
        let expected = json!([
            { "state": "firing", "scope": { "service": "cart" }, "n": 3, "list": [1, { "x": 2 }], "absent": null },
            { "at": "2026-01-01T01:01:00+01:00" },
        ]);
        assert_eq!(shown(expected, found.clone()), Vec::<String>::new());
        assert_eq!(shown(json!([{}, {}]), found), Vec::<String>::new());
    }

    #[test]
    fn a_record_serves_one_entry_only_whatever_the_order() {
        // The first entry could take either record, the second only the first one.
        let found = json!([{ "rule": "slow", "n": 1 }, { "rule": "slow", "n": 2 }]);
        assert_eq!(shown(json!([{ "rule": "slow" }, { "n": 1 }]), found.clone()), Vec::<String>::new());
        assert_eq!(shown(json!([{ "n": 1 }, { "n": 1 }]), found), ["expect.alerts[1].n | alerts[1].n: 1 / 2"]);
        let one = json!([{ "n": 1 }]);
        assert_eq!(
            shown(json!([{ "n": 1 }, { "n": 1 }]), one),
            ["expect.alerts[1] | alerts[1]: {\"n\":1} / no record beside the 1 that other entries match"]
        );
    }

    #[test]
    fn what_differs_is_that_of_the_nearest_record() {
        let found = json!([{ "rule": "a", "state": "firing" }, { "rule": "b", "state": "firing", "numbers": [1, 2] }]);
        let expected = json!([{ "rule": "b", "state": "resolved", "numbers": [1] }]);
        assert_eq!(
            shown(expected, found),
            [
                "expect.alerts[0].numbers | alerts[0].numbers: [1] / 2 items: [1,2]",
                "expect.alerts[0].state | alerts[0].state: \"resolved\" / \"firing\"",
            ]
        );
        assert_eq!(
            shown(json!([{ "a b": { "c": 1 } }]), json!([{ "a b": { "c": 2 } }])),
            ["expect.alerts[0][\"a b\"].c | alerts[0][\"a b\"].c: 1 / 2"]
        );
    }

    #[test]
    fn an_empty_list_says_none() {
        assert_eq!(shown(json!([]), json!([])), Vec::<String>::new());
        assert_eq!(
            shown(json!([]), json!([{ "n": 1 }])),
            ["expect.alerts | alerts: none / 1 record, the first is {\"n\":1}"]
        );
        assert_eq!(shown(json!([{ "n": 1 }]), json!([])), ["expect.alerts[0] | alerts[0]: {\"n\":1} / nothing"]);
    }
}
