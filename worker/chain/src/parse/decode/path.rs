//! Dotted paths into nested values: `kubernetes.labels.app`, `resourceSpans[0].spans[2].name`.
//!
//! A key may itself hold dots (`"http.status"`), so a path is tried in every way of putting its parts
//! together: `a.b.c` is `c` in `b` in `a`, `b.c` in `a`, `c` in `a.b`, and `a.b.c`.

/// Paths with more parts than this are only tried part by part and as one whole key.
const MAX_GLUED_PARTS: usize = 8;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    /// The member with this key.
    Key(String),
    /// The element at this index, from 0.
    Index(u32),
}

/// All ways to read `path` as steps, without repeats. Brackets that hold no number are part of a key.
pub(super) fn readings(path: &str) -> Vec<Vec<Step>> {
    let parts = split(path);
    let mut found = Vec::new();
    if parts.len() > MAX_GLUED_PARTS {
        found.push(parts.iter().flat_map(Part::steps).collect());
        found.push(vec![Step::Key(path.to_owned())]);
    } else {
        glue(&parts, &mut Vec::new(), &mut found);
    }
    found.dedup();
    found
}

/// What stands between two dots: a key and the indexes behind it.
#[derive(Debug, Clone)]
struct Part<'p> {
    text: &'p str,
    key: &'p str,
    indexes: Vec<u32>,
}

impl Part<'_> {
    fn steps(&self) -> Vec<Step> {
        let key = (!self.key.is_empty()).then(|| Step::Key(self.key.to_owned()));
        key.into_iter().chain(self.indexes.iter().copied().map(Step::Index)).collect()
    }
}

/// The one reading in which every dot separates.
pub(super) fn parts(path: &str) -> Vec<Step> {
    split(path).iter().flat_map(Part::steps).collect()
}

fn split(path: &str) -> Vec<Part<'_>> {
    path.split('.').map(part).collect()
}

fn part(text: &str) -> Part<'_> {
    let mut key = text;
    let mut indexes = Vec::new();
    while let Some((before, index)) = key.strip_suffix(']').and_then(|open| open.rsplit_once('[')) {
        let Ok(index) = index.parse() else { break };
        indexes.insert(0, index);
        key = before;
    }
    Part { text, key, indexes }
}

/// Puts the first one, two, … parts together as a key, and the rest in every way.
fn glue(parts: &[Part<'_>], before: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    if parts.is_empty() {
        found.push(before.clone());
        return;
    }
    let depth = before.len();
    for count in 1..=parts.len() {
        let (glued, rest) = parts.split_at(count);
        let Some((last, inner)) = glued.split_last() else {
            continue;
        };
        if inner.is_empty() {
            before.extend(last.steps());
        } else {
            let mut key: String = inner.iter().flat_map(|part| [part.text, "."]).collect();
            key.push_str(last.key);
            before.push(Step::Key(key));
            before.extend(last.indexes.iter().copied().map(Step::Index));
        }
        glue(rest, before, found);
        before.truncate(depth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(path: &str) -> Vec<String> {
        let step = |step: &Step| match step {
            Step::Key(key) => format!("<{key}>"),
            Step::Index(index) => format!("#{index}"),
        };
        readings(path).iter().map(|steps| steps.iter().map(step).collect()).collect()
    }

    #[test]
    fn a_dotted_path_is_read_in_every_way() {
        assert_eq!(show("level"), ["<level>"]);
        assert_eq!(show("a.b.c"), ["<a><b><c>", "<a><b.c>", "<a.b><c>", "<a.b.c>"]);
    }

    #[test]
    fn indexes_follow_their_key() {
        assert_eq!(show("spans[0][2].name"), ["<spans>#0#2<name>", "<spans[0][2].name>"]);
        assert_eq!(show("[1]"), ["#1"]);
        assert_eq!(show("labels[app]"), ["<labels[app]>"]);
    }

    #[test]
    fn a_long_path_does_not_explode() {
        assert_eq!(readings(&["a"; 100].join(".")).len(), 2);
        assert_eq!(readings(&["a"; 8].join(".")).len(), 128);
    }
}
