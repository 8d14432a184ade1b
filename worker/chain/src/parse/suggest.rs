//! "Did you mean": the nearest name for a finding's remedy.

use crate::row::RowSchema;

/// The remedy for a column that does not exist.
pub fn column_remedy(schema: &RowSchema, name: &str) -> String {
    let names = schema.columns().iter().map(|column| column.name.as_str());
    match nearest(name, names.clone()) {
        Some(near) => format!("write `{near}`, or add a field `{name}` to the message"),
        None => {
            let shown: Vec<&str> = names.clone().take(12).collect();
            let more = if schema.len() > shown.len() { ", …" } else { "" };
            format!("use one of its columns: {}{more}", shown.join(", "))
        }
    }
}

/// The name with the fewest edits, if they are few for its length; the first of several.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let bound = (name.len() / 3).max(1);
    names
        .map(|candidate| (distance(name, candidate, bound), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace) between two names, over their bytes; above `bound` it is only said that it is more.
fn distance(left: &str, right: &str, bound: usize) -> usize {
    if left.len().abs_diff(right.len()) > bound {
        return bound + 1;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (place, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{ColumnInfo, ColumnType};

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let names = ["status", "service", "http.path"];
        assert_eq!(nearest("servce", names.iter().copied()), Some("service"));
        assert_eq!(nearest("http.pth", names.iter().copied()), Some("http.path"));
        assert_eq!(nearest("latency", names.iter().copied()), None);
        let schema = RowSchema::new(
            names.iter().map(|name| ColumnInfo { name: (*name).into(), kind: ColumnType::String }).collect(),
        );
        assert_eq!(column_remedy(&schema, "latency"), "use one of its columns: status, service, http.path");
        assert_eq!(column_remedy(&schema, "stats"), "write `status`, or add a field `stats` to the message");
    }
}
