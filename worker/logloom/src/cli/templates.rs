//! `logloom templates --log-format FORMAT FILE`: the template of every line, as CSV.
//!
//! The columns are those of LogHub's structured files that a scorer needs: `LineId,EventId,EventTemplate`.
//! Every line of the file has a row: one whose header does not fit is mined as a whole. A template
//! is printed as it stands at the end of the file; the lines of templates that were merged carry
//! the id of what they were merged into.

use super::{CommandError, Outcome};
use crate::local::input::{InputError, LineReader, Next, Place, Truncate, open};
use crate::loghub::{Assignment, Finished, Header, HeaderError, PRESETS, Preset};
use logloom_chain::parse::template::{Grouping, Mask, Miner, Rules, RulesError, Settings};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Longest line that is kept whole; the miner looks at less.
const LINE_BOUND: usize = 1 << 20;

/// Drain's defaults, for a command line that sets only one of its numbers.
const DEPTH: u16 = 4;
const SIMILARITY: f64 = 0.5;
const MAX_CHILDREN: u32 = 100;

/// Arguments of `templates`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The header of a line, such as '<Date> <Time> <Level> <Component>: <Content>'; only <Content> is mined.
    /// What stands between the fields is a regular expression.
    #[arg(long, value_name = "FORMAT", required_unless_present = "preset")]
    log_format: Option<String>,
    /// Mine with Drain at this depth of its tree (3 to 64, the paper uses 4) instead of by words.
    #[arg(long, value_name = "N")]
    depth: Option<u16>,
    /// Mine with Drain at this similarity threshold (0 to 1) instead of by words.
    #[arg(long, value_name = "SHARE")]
    similarity: Option<f64>,
    /// Replace what a regular expression matches by a variable before mining. May be given several times.
    #[arg(long, value_name = "NAME=REGEX")]
    mask: Vec<String>,
    /// Use the header, masks, depth and similarity that were published for Drain on a system of LogHub.
    #[arg(long, value_name = "SYSTEM")]
    preset: Option<String>,
    /// Most templates kept at a time; the one unused for longest makes room.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    max_templates: u32,
    /// The log, plain or compressed; - is standard input.
    file: PathBuf,
}

/// What is wrong with the arguments of `templates`.
#[derive(Debug, Error)]
pub enum TemplatesError {
    /// No such preset.
    #[error("--preset {given}: no such system; there are {}", PRESETS.map(|preset| preset.system).join(", "))]
    UnknownPreset {
        /// What was given.
        given: String,
    },
    /// No `=` in a mask.
    #[error("--mask {given}: expected NAME=REGEX, for example block='blk_-?\\d+'")]
    BadMask {
        /// What was given.
        given: String,
    },
    /// The header's format.
    #[error("--log-format: {0}")]
    Header(#[from] HeaderError),
    /// Masks and numbers.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The file.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Prints the CSV.
///
/// # Errors
/// Bad arguments, a file that cannot be read, an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let assignment = mine(arguments)?;
    let out = BufWriter::new(io::stdout().lock());
    print(&assignment.finish(), out).map_err(CommandError::io("standard output"))?;
    Ok(Outcome::Done)
}

fn mine(arguments: &Arguments) -> Result<Assignment, TemplatesError> {
    let preset = arguments.preset.as_deref().map(find_preset).transpose()?;
    let format = arguments.log_format.as_deref().or(preset.map(|preset| preset.format));
    let header = format.map(Header::parse).transpose()?;
    let rules = Rules::compile(&settings(arguments, preset)?)?;
    let mut assignment = Assignment::new(Miner::new(Arc::new(rules)));
    let place = match arguments.file.to_str() {
        Some("-") => Place::Stdin,
        _ => Place::File(arguments.file.clone()),
    };
    let mut reader = LineReader::new(open(&place)?, LINE_BOUND);
    let mut observe = |line: &[u8]| {
        let content = header.as_ref().and_then(|header| header.content(line));
        assignment.observe(content.unwrap_or(line));
    };
    let (mut line, mut byte) = (0, 0);
    let fail = |line, byte| move |error| InputError::Read { place: place.to_string(), line, byte, error };
    while let Next::Line(next) = reader.next(&mut Truncate).map_err(fail.clone()(line, byte))? {
        observe(next.bytes);
        line += 1;
        byte += next.full_length + 1;
    }
    if let Some(last) = reader.finish(&mut Truncate).map_err(fail(line, byte))? {
        observe(last.bytes);
    }
    Ok(assignment)
}

fn find_preset(system: &str) -> Result<&'static Preset, TemplatesError> {
    Preset::find(system).ok_or_else(|| TemplatesError::UnknownPreset { given: system.to_owned() })
}

fn settings(arguments: &Arguments, preset: Option<&Preset>) -> Result<Settings, TemplatesError> {
    let mut settings = preset.map_or_else(Settings::default, Preset::settings);
    for given in &arguments.mask {
        let (name, pattern) = given.split_once('=').ok_or_else(|| TemplatesError::BadMask { given: given.clone() })?;
        settings.masks.push(Mask { name: name.to_owned(), pattern: pattern.to_owned() });
    }
    if arguments.depth.is_some() || arguments.similarity.is_some() {
        let (depth, similarity) = match settings.grouping {
            Grouping::Drain { depth, similarity, .. } => (depth, similarity),
            Grouping::Words => (DEPTH, SIMILARITY),
        };
        settings.grouping = Grouping::Drain {
            depth: arguments.depth.unwrap_or(depth),
            similarity: arguments.similarity.unwrap_or(similarity),
            max_children: MAX_CHILDREN,
        };
    }
    settings.limits.max_templates = arguments.max_templates;
    Ok(settings)
}

fn print(finished: &Finished, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "LineId,EventId,EventTemplate")?;
    for (index, (id, text)) in finished.lines().enumerate() {
        write!(out, "{},{id},", index + 1)?;
        write_field(&mut out, text)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// One CSV field, as UTF-8; quoted when it has to be.
fn write_field(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(text);
    if text.contains(['"', ',', '\n', '\r']) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(words: &[&str]) -> Arguments {
        Line::parse_from(["templates"].iter().chain(words)).arguments
    }

    fn csv(words: &[&str], log: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.log");
        std::fs::write(&file, log).unwrap();
        let mut arguments = arguments(words);
        arguments.file = file;
        let mut out = Vec::new();
        print(&mine(&arguments).unwrap().finish(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const FORMAT: &str = "<Level> <Component>: <Content>";

    #[test]
    fn every_line_has_a_row_also_one_without_the_header() {
        let log = b"INFO a: took 5 ms, \"ok\"\nat a.B(C.java:7)\n\nINFO a: took 17 s, \"ok\"";
        let csv = csv(&["--log-format", FORMAT, "-"], log);
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[0], "LineId,EventId,EventTemplate");
        let id = rows[1].split(',').nth(1).unwrap();
        assert_eq!(rows[1], format!("1,{id},\"took <*>, \"\"ok\"\"\""));
        assert_eq!(rows[4], format!("4,{id},\"took <*>, \"\"ok\"\"\""));
        assert!(rows[2].ends_with(",at a.B(<*>:<*>)") || rows[2].ends_with(",at a.B(C.java:<*>)"), "{}", rows[2]);
        assert!(rows[3].ends_with(','), "{}", rows[3]);
    }

    #[test]
    fn lines_of_merged_templates_carry_the_last_template() {
        let log: String = ["ann", "bob", "cy", "dee", "eve", "flo", "gus"]
            .map(|name| format!("INFO a: Invalid user {name} from 10.0.0.1\n"))
            .concat();
        let csv = csv(&["--log-format", FORMAT, "-"], log.as_bytes());
        assert_eq!(csv.lines().filter(|row| row.ends_with(",Invalid user <*> from <*>")).count(), 7);
        let ids: std::collections::HashSet<_> = csv.lines().skip(1).map(|row| row.split(',').nth(1)).collect();
        assert_eq!(ids.len(), 1);
    }

    #[test]
    fn options_choose_drain_and_add_masks() {
        let log = b"INFO a: open alpha X9 now\nINFO a: open beta X8 now\n";
        let drain = csv(&["--log-format", FORMAT, "--similarity", "0.5", "-"], log);
        assert!(drain.contains("open <*> <*> now") || drain.contains("open <*> now"), "{drain}");
        let masked = csv(&["--log-format", FORMAT, "--mask", "greek=alpha|beta", "-"], log);
        assert!(masked.lines().nth(2).unwrap().ends_with(",open <*> now"), "{masked}");
        let preset = csv(&["--preset", "hdfs", "-"], b"081109 203615 148 INFO a.B: block blk_1 of 7\n");
        assert!(preset.ends_with(",block <*> of 7\n"), "{preset}");
    }

    #[test]
    fn wrong_arguments_say_what_is_right() {
        let fails = |words: &[&str]| match mine(&arguments(words)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("accepted"),
        };
        assert!(fails(&["--preset", "Cisco", "x"]).contains("there are Android, Apache"));
        assert!(fails(&["--log-format", "<Text>", "x"]).contains("no <Content>"));
        assert!(fails(&["--log-format", FORMAT, "--mask", "x", "x"]).contains("NAME=REGEX"));
        assert!(fails(&["--log-format", FORMAT, "--mask", "x=(", "x"]).contains("mask `x`"));
        assert!(fails(&["--log-format", FORMAT, "--depth", "1", "x"]).contains("3..=64"));
        assert!(fails(&["--log-format", FORMAT, "/no/such/file"]).contains("cannot open"));
    }
}
