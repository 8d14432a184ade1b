//! `grok`: named patterns put together, `%{IP:client} %{WORD:method} %{NUMBER:bytes:int}`.
//!
//! A grok pattern is expanded into one regular expression ([`expand`]) and matched by the linear engine of
//! [`super::pattern`]. The standard patterns stand in `patterns.txt`; the manifest may define its own, which come first.
//! As in Logstash a pattern may match anywhere in the value. `:int` and `:float` convert; everything
//! else is text and gets its type from its column. `[a][b]` is the name `a.b`. A field named several times (in
//! alternatives) has the value of the last group that matched.

mod expand;
mod library;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::error::Problem;
use super::names::{Gives, Wanted};
use super::pattern::{Capture, Pattern, compile};

/// Compiles a pattern for the wanted names; also what it gives.
pub(super) fn compile_grok(
    pattern: &str,
    definitions: &BTreeMap<&str, &str>,
    wanted: &Wanted<'_>,
) -> Result<(Pattern, Gives), Problem> {
    let expanded = expand::expand(pattern, definitions, wanted)?;
    if expanded.fields.is_empty() {
        return Err(Problem::new(
            "grok.pattern",
            "the pattern names no field, so it extracts nothing",
            "Name what to extract, such as `%{IP:client}`",
        ));
    }
    let regex = compile(&expanded.regex, "grok.pattern")?;
    let number = |name: &str| name.strip_prefix('g')?.parse::<usize>().ok();
    let capture = |(group, name): (usize, Option<&str>)| {
        let (slot, conversion) = *expanded.captures.get(number(name?)?)?;
        Some(Capture { group, slot, conversion })
    };
    let captures = regex.capture_names().enumerate().filter_map(capture).collect();
    Ok((Pattern::new(regex, captures), Gives::names(expanded.fields)))
}
