//! From the values of a scope to its charts and its table.
//!
//! A rule without `values` names those of a distribution `NAME_p50`, `NAME_p99` and so on; a rule may also name values `p50` and
//! `p99` itself. Median and 99th percentile go into one chart, events into a rate, every other value into a chart of its own.

use super::chart::{Chart, Line, Mark, clock};
use super::read::{Series, Signal};
use logloom_chain::alert::explain::number;
use std::collections::BTreeSet;

/// Most charts of one scope.
const CHARTS: usize = 6;
/// Parts of a distribution.
const PARTS: [&str; 8] = ["count", "sum", "min", "max", "avg", "p50", "p90", "p99"];
/// Most rows of a table.
const ROWS: usize = 240;

/// What one chart shows.
#[derive(Debug, Clone, PartialEq)]
enum Panel {
    /// Median and 99th percentile of a distribution; the name of the values is this, with `p50` and `p99` behind it.
    Quantiles(String),
    /// Events per second.
    Rate,
    /// One value.
    Value(String),
}

fn names(series: &Series) -> BTreeSet<&str> {
    series.points.values().flat_map(|point| point.values.keys().map(String::as_str)).collect()
}

fn panels(series: &Series) -> Vec<Panel> {
    let names = names(series);
    let prefixes: Vec<String> = names.iter().filter_map(|name| name.strip_suffix("p50")).map(str::to_owned).collect();
    let is_part = |name: &str| {
        prefixes.iter().any(|prefix| name.strip_prefix(prefix.as_str()).is_some_and(|part| PARTS.contains(&part)))
    };
    let mut panels: Vec<Panel> = prefixes.iter().cloned().map(Panel::Quantiles).collect();
    panels.push(Panel::Rate);
    panels.extend(names.iter().filter(|name| !is_part(name)).map(|name| Panel::Value((*name).to_owned())));
    panels.truncate(CHARTS);
    panels
}

/// The unit that a name tells.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches('_').rsplit('_').next() {
        Some("ms") => "ms",
        Some("us") => "µs",
        Some("s" | "seconds") => "s",
        Some("bytes") => "bytes",
        _ => "",
    }
}

fn line(series: &Series, label: &str, value: impl Fn(&super::read::Point, i64) -> Option<f64>) -> Line {
    let points = series.points.iter().filter_map(|(end, point)| Some((*end, value(point, *end)?)));
    Line { label: label.to_owned(), points: points.filter(|(_, value)| value.is_finite()).collect() }
}

/// The charts of a scope with their captions. Marks go onto every chart, signals only onto those that they speak of.
pub(super) fn charts(
    series: &Series,
    place: &str,
    span: (i64, i64),
    marks: &[(Option<&Signal>, Mark)],
    made: &mut usize,
) -> Vec<(Chart, String)> {
    let named = |name: &str| {
        let name = name.to_owned();
        move |point: &super::read::Point, _| point.values.get(&name).copied()
    };
    let mut charts = Vec::new();
    for panel in panels(series) {
        *made += 1;
        let (metric, unit, lines, caption) = match &panel {
            Panel::Quantiles(prefix) => {
                let metric = prefix.trim_end_matches('_').to_owned();
                let lines = vec![
                    line(series, "p50", named(&format!("{prefix}p50"))),
                    line(series, "p99", named(&format!("{prefix}p99"))),
                ];
                let unit = unit(&metric);
                let caption = format!(
                    "{metric}: p50 (solid), p99 (dashed){}",
                    if unit.is_empty() { String::new() } else { format!(", {unit}") }
                );
                (metric, unit, lines, caption)
            }
            Panel::Rate => {
                let rate = |point: &super::read::Point, end: i64| {
                    Some(point.count / ((end - point.start).max(1) as f64 / 1e6))
                };
                ("count".to_owned(), "/s", vec![line(series, "events", rate)], "events per second".to_owned())
            }
            Panel::Value(name) => {
                (name.clone(), unit(name), vec![line(series, name, named(name))], format!("{name} per window"))
            }
        };
        let fits = |signal: &Signal| signal.speaks_of(&metric);
        let marks = marks.iter().filter(|(signal, _)| signal.is_none_or(fits)).map(|(_, mark)| mark.clone()).collect();
        let title = format!("{caption} of {place}");
        charts.push((Chart { id: format!("c{made}"), title, unit: unit.to_owned(), span, lines, marks }, caption));
    }
    charts
}

/// The same values as text: names of the columns, and a row per window.
pub(super) fn table(series: &Series) -> (Vec<String>, Vec<Vec<String>>) {
    let names: Vec<&str> = names(series)
        .into_iter()
        .filter(|name| !["_sum", "_min", "_avg", "_count"].iter().any(|part| name.ends_with(part)))
        .collect();
    let row = |(end, point): (&i64, &super::read::Point)| {
        let mut cells = vec![clock(*end), number(point.count)];
        cells.extend(names.iter().map(|name| point.values.get(*name).map_or("–".to_owned(), |value| number(*value))));
        cells
    };
    let rows = series.points.iter().take(ROWS).map(row).collect();
    let mut columns = vec!["events".to_owned()];
    columns.extend(names.iter().map(|name| (*name).to_owned()));
    (columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::read::Point;

    fn series(values: &[(&str, f64)]) -> Series {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let point = Point { start: 0, count: 120.0, values };
        Series { rule: "r".to_owned(), scope: Default::default(), points: [(60_000_000, point)].into() }
    }

    #[test]
    fn a_distribution_is_one_chart_and_every_other_value_one_more() {
        let series = series(&[("took_ms_p50", 1.0), ("took_ms_p99", 9.0), ("took_ms_max", 9.5), ("errors", 2.0)]);
        assert_eq!(
            panels(&series),
            [Panel::Quantiles("took_ms_".to_owned()), Panel::Rate, Panel::Value("errors".to_owned())]
        );
        let charts = charts(&series, "x", (0, 60_000_000), &[], &mut 0);
        assert_eq!(charts[0].0.unit, "ms");
        assert_eq!(charts[1].0.lines[0].points, [(60_000_000, 2.0)], "120 events in a minute");
    }

    #[test]
    fn quantiles_that_a_rule_names_itself_are_known_too() {
        assert_eq!(
            panels(&series(&[("p50", 1.0), ("p99", 2.0), ("sum", 3.0)])),
            [Panel::Quantiles(String::new()), Panel::Rate]
        );
    }
}
