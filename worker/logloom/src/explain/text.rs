//! The chart for people, at 100 columns.

use super::{Arrow, Block, Chart, Room};
use std::fmt::Write as _;

/// Columns of a line.
const WIDTH: usize = 100;
/// Where the text of a fact begins, where its name is short enough.
const INDENT: usize = 16;

/// The chart as text. No line is longer than 100 columns, unless a word is.
pub fn text(chart: &Chart) -> String {
    let mut out = format!("{}\n", chart.title);
    if !chart.description.is_empty() {
        paragraph(&mut out, "", &chart.description, 0);
    }
    for (index, block) in chart.blocks.iter().enumerate() {
        let above = index.checked_sub(1).and_then(|above| chart.blocks.get(above));
        arrows(&mut out, chart, above, block);
        let _ = writeln!(out, "{}", heading(&block.title));
        for fact in &block.facts {
            paragraph(&mut out, &fact.name, &fact.text, INDENT);
        }
    }
    out
}

/// `── title ─────…`
fn heading(title: &str) -> String {
    let head = format!("── {title} ");
    format!("{head}{}", "─".repeat(WIDTH.saturating_sub(head.chars().count())))
}

/// The way from one block to the next. Sources stand side by side above ingest, outputs below all stages.
fn arrows(out: &mut String, chart: &Chart, above: Option<&Block>, block: &Block) {
    let above = above.filter(|_| block.room != Room::Source);
    let Some(above) = above else {
        out.push('\n');
        return;
    };
    let mut labels: Vec<&str> = Vec::new();
    let direct = |arrow: &&Arrow| arrow.to == block.id && (arrow.from == above.id || above.room == Room::Source);
    for arrow in chart.arrows.iter().filter(direct).filter(|_| block.room == Room::Stage) {
        if !labels.contains(&arrow.label.as_str()) {
            labels.push(&arrow.label);
        }
    }
    let arrow = format!("    ▼  {}", labels.join("; "));
    let _ = write!(out, "    │\n{}\n", arrow.trim_end());
}

/// A name and its text, wrapped; the lines below stand under the text. A name that is too long has a line of its own.
fn paragraph(out: &mut String, name: &str, text: &str, indent: usize) {
    let mut line = " ".repeat(indent);
    if name.chars().count() + 3 > indent {
        let _ = write!(out, "{}", if name.is_empty() { String::new() } else { format!("  {name}\n") });
    } else {
        line = format!("  {name:<width$}", width = indent - 2);
    }
    let mut width = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > indent && width + 1 + length > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent);
            width = indent;
        }
        if width > indent {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += length;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}
