//! The chart for programs that draw: Mermaid and Graphviz.

use super::{Block, Chart, Room};
use std::fmt::Write as _;

/// Characters of a line inside a box.
const WIDTH: usize = 64;

/// A Mermaid flowchart, as Markdown pages show it.
pub fn mermaid(chart: &Chart) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart TD\n", chart.title);
    for block in &chart.blocks {
        let (open, close) = match block.room {
            Room::Source => ("([", "])"),
            Room::Stage => ("[", "]"),
            Room::Outputs => ("[/", "/]"),
        };
        let lines: Vec<String> = lines(block).iter().map(|line| mermaid_text(line)).collect();
        let _ = writeln!(out, "  {}{open}\"{}\"{close}", block.id, lines.join("<br/>"));
    }
    for arrow in &chart.arrows {
        let _ = writeln!(out, "  {} -->|\"{}\"| {}", arrow.from, mermaid_text(&arrow.label), arrow.to);
    }
    out
}

/// A Graphviz graph.
pub fn dot(chart: &Chart) -> String {
    let mut out = format!(
        "digraph \"{}\" {{\n  rankdir=TB;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n",
        dot_text(&chart.title)
    );
    for block in &chart.blocks {
        let style = match block.room {
            Room::Source => ", style=rounded",
            Room::Stage => ", style=bold",
            Room::Outputs => ", shape=note",
        };
        // `\l` ends a line and puts it to the left.
        let label: String = lines(block).iter().map(|line| format!("{}\\l", dot_text(line))).collect();
        let _ = writeln!(out, "  \"{}\" [label=\"{label}\"{style}];", dot_text(&block.id));
    }
    for arrow in &chart.arrows {
        let (from, to, label) = (dot_text(&arrow.from), dot_text(&arrow.to), dot_text(&arrow.label));
        let _ = writeln!(out, "  \"{from}\" -> \"{to}\" [label=\"{label}\", fontname=\"monospace\", fontsize=9];");
    }
    out.push_str("}\n");
    out
}

/// Title and facts, wrapped.
fn lines(block: &Block) -> Vec<String> {
    let mut all = vec![block.title.clone()];
    for fact in &block.facts {
        let mut line = format!("{}:", fact.name);
        for word in fact.text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                all.push(std::mem::replace(&mut line, " ".to_owned()));
            }
            line.push(' ');
            line.push_str(word);
        }
        all.push(line);
    }
    all
}

/// Mermaid knows entities by `#name;`. A leading number with a point would become a list.
fn mermaid_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            _ => out.push(letter),
        }
    }
    out
}

fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
