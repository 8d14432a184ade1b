//! multiline: events of several lines, and lines in several pieces.
//!
//! Two different things look alike:
//!
//! - **Continuation lines** (a stack trace) belong to the start line before them. Nothing waits for them before the
//!   first internal log (rule R6): ingest sends the start line as an event and each continuation as a text behind it, and
//!   correlate holds the [`Assembly`] until the next start line, or until the watermark has passed `start + maxWait`.
//! - **Pieces** of one line (CRI tag `P`, a Docker envelope without a line end) are one line that a container
//!   runtime cut. They cannot be parsed alone, and what completes them is in the source log itself, so ingest joins them:
//!   [`PartialLines`] is part of its state, a function of the source log and of nothing else (rule R5).
//!
//! ```text
//!  ingest:    P "{"a":" ┐                            correlate:  start ──► Assembly ──close──► one row
//!             F "1}"    ┴► {"a":1} ─► start?  ─► link ─►          text ─────► push
//! ```
//!
//! All bounds are logical: lines, bytes, event time. What is beyond a bound is counted, not kept.

use super::regexes;
use super::superlog::cut;
use crate::row::{Cell, Column, RowBuf};
use crate::time::Span;
use crate::wire::{Reader, Snapshot, WireError, Writer};
use logloom_crds::manifest::Multiline as MultilineSpec;
use regex::bytes::Regex;

use super::schema::{RowError, Schema};

/// Bounds of one assembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most lines, the start line included.
    pub max_lines: u32,
    /// Most bytes of the event: of its encoded row, and of what is appended.
    pub max_bytes: u64,
    /// How long, in event time, an assembly stays open for more lines: T of rule R6.
    pub max_wait: Span,
}

/// `multiline` of a manifest, compiled.
#[derive(Debug, Clone)]
pub struct Multiline {
    start: Regex,
    column: Column,
    bounds: Bounds,
}

impl Multiline {
    /// Compiles the start pattern; `column` is where lines are appended.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn compile(spec: &MultilineSpec, column: Column) -> Result<Self, regexes::PatternProblem> {
        Ok(Self {
            start: regexes::compile(&spec.start)?.regex,
            column,
            bounds: Bounds {
                max_lines: spec.max_lines.max(1),
                max_bytes: spec.max_bytes.as_bytes(),
                max_wait: Span(spec.max_wait.as_micros_i64()),
            },
        })
    }

    /// True for a line that begins an event.
    #[inline]
    pub fn is_start(&self, line: &[u8]) -> bool {
        self.start.is_match(line)
    }

    /// The column that lines are appended to.
    pub fn column(&self) -> Column {
        self.column
    }

    /// The bounds of an assembly.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }
}

/// An event that may still get lines. Pure: it is pushed and closed at points that the log gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembly {
    /// The start line's row, encoded.
    row: Vec<u8>,
    /// What is to be appended, with a line end before each line.
    text: Vec<u8>,
    /// Lines taken, the start line included.
    lines: u32,
    overflow: Overflow,
}

/// What an assembly had no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overflow {
    /// Lines of which something is missing.
    pub lines: u64,
    /// Bytes that are missing.
    pub bytes: u64,
}

/// What became of a pushed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is part of the event.
    Whole,
    /// Its beginning is part of the event, the rest was beyond the bound.
    Cut,
    /// Nothing of it is part of the event.
    Refused,
}

impl Assembly {
    /// Opens an assembly with the encoded row of a start line.
    pub fn start(encoded: &[u8]) -> Self {
        Self { row: encoded.to_vec(), text: Vec::new(), lines: 1, overflow: Overflow::default() }
    }

    /// Bytes held, for the task's logical bound.
    pub fn held_bytes(&self) -> usize {
        self.row.len() + self.text.len()
    }

    /// The start line's row, encoded.
    pub fn start_row(&self) -> &[u8] {
        &self.row
    }

    /// Lines in the event, the start line included.
    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// What is missing in the event.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Appends a continuation line. Once something did not fit, nothing more is taken: what followed a cut would not
    /// follow it in the log.
    pub fn push(&mut self, multiline: &Multiline, line: &[u8]) -> Pushed {
        let bounds = multiline.bounds;
        let room = bounds.max_bytes.saturating_sub(self.held_bytes() as u64);
        let full = self.overflow.lines > 0 || self.lines >= bounds.max_lines || room == 0;
        // One byte of room is the line end.
        let room = usize::try_from(room.saturating_sub(1)).unwrap_or(usize::MAX);
        let kept = if full { &[] } else { cut(line, room) };
        if !full {
            self.text.push(b'\n');
            self.text.extend_from_slice(kept);
            self.lines += 1;
        }
        if !full && kept.len() == line.len() {
            return Pushed::Whole;
        }
        self.overflow.lines += 1;
        self.overflow.bytes += (line.len() - kept.len()) as u64;
        if full { Pushed::Refused } else { Pushed::Cut }
    }

    /// Closes the assembly: the row with the text behind that of its column, encoded.
    ///
    /// # Errors
    /// [`RowError`] when it holds no row of this schema.
    pub fn close(&self, column: Column, schema: &Schema) -> Result<Vec<u8>, RowError> {
        if self.text.is_empty() {
            return Ok(self.row.clone());
        }
        let mut text = Vec::new();
        let mut row = RowBuf::new();
        schema.decode(&self.row, &mut row)?;
        if let Some(cell) = row.get_mut(column.index()) {
            text.extend_from_slice(cell.as_bytes().unwrap_or_default());
            text.extend_from_slice(&self.text);
            *cell = Cell::Bytes(&text);
        }
        let mut encoded = Vec::with_capacity(self.held_bytes() + 8);
        schema.encode(&row, &mut encoded);
        Ok(encoded)
    }
}

impl Snapshot for Assembly {
    fn save(&self, out: &mut Writer) {
        out.bytes(&self.row);
        out.bytes(&self.text);
        out.varint(u64::from(self.lines));
        out.varint(self.overflow.lines);
        out.varint(self.overflow.bytes);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            row: input.bytes()?.to_vec(),
            text: input.bytes()?.to_vec(),
            lines: input.varint32()?,
            overflow: Overflow { lines: input.varint()?, bytes: input.varint()? },
        })
    }
}

/// The pieces of lines that are not complete yet, by stream. State of an ingest task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialLines {
    streams: [Held; 3],
}

/// Pieces of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Held {
    text: Vec<u8>,
    /// Length of all pieces, also of what was beyond the bound.
    length: u64,
    pieces: u64,
}

/// A joined line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined<'a> {
    /// Its text, cut at the bound.
    pub text: &'a [u8],
    /// Its length before the cut.
    pub full_length: u64,
}

impl PartialLines {
    /// True when no piece is held.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.streams.iter().all(|held| held.pieces == 0)
    }

    /// True when pieces of this stream are held.
    pub fn holds(&self, stream: &[u8]) -> bool {
        self.streams[place(stream)].pieces > 0
    }

    /// Number of pieces held, in all streams.
    pub fn pieces(&self) -> u64 {
        self.streams.iter().map(|held| held.pieces).sum()
    }

    /// Keeps a piece; of a line beyond `most` bytes only the length of the rest.
    pub fn push(&mut self, stream: &[u8], piece: &[u8], most: usize) {
        let held = &mut self.streams[place(stream)];
        held.length = held.length.saturating_add(piece.len() as u64);
        held.pieces += 1;
        let room = most.saturating_sub(held.text.len());
        held.text.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// Takes the pieces of a stream, with the last one behind them, into `arena`.
    pub fn take<'a>(&mut self, stream: &[u8], last: &[u8], most: usize, arena: &'a bumpalo::Bump) -> Joined<'a> {
        self.push(stream, last, most);
        self.take_held(place(stream), arena)
    }

    /// Takes the pieces of some stream that holds any: at the end of a source.
    pub fn take_any<'a>(&mut self, arena: &'a bumpalo::Bump) -> Option<Joined<'a>> {
        let place = self.streams.iter().position(|held| held.pieces > 0)?;
        Some(self.take_held(place, arena))
    }

    fn take_held<'a>(&mut self, place: usize, arena: &'a bumpalo::Bump) -> Joined<'a> {
        let held = std::mem::take(&mut self.streams[place]);
        Joined { text: arena.alloc_slice_copy(&held.text), full_length: held.length }
    }
}

fn place(stream: &[u8]) -> usize {
    match stream {
        b"stdout" => 0,
        b"stderr" => 1,
        _ => 2,
    }
}

impl Snapshot for PartialLines {
    fn save(&self, out: &mut Writer) {
        for held in &self.streams {
            out.bytes(&held.text);
            out.varint(held.length);
            out.varint(held.pieces);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut held = || -> Result<Held, WireError> {
            Ok(Held { text: input.bytes()?.to_vec(), length: input.varint()?, pieces: input.varint()? })
        };
        Ok(Self { streams: [held()?, held()?, held()?] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logloom_crds::{ByteSize, Duration};
    use proptest::prelude::*;

    fn schema() -> Schema {
        Schema::compile("syntax = \"proto3\"; message M { int64 n = 1; string text = 2; }", "M").unwrap()
    }

    fn multiline(max_lines: u32, max_bytes: u64) -> Multiline {
        let spec = MultilineSpec {
            start: r"^\d{4}-".into(),
            field: "text".into(),
            max_lines,
            max_bytes: ByteSize::from_bytes(max_bytes),
            max_wait: Duration::from_secs(5),
        };
        Multiline::compile(&spec, Column(1)).unwrap()
    }

    /// The encoded start row has eight bytes more than its text.
    fn open(text: &str) -> Assembly {
        let mut row = Vec::new();
        schema().encode(&[Cell::Int(1 << 28), Cell::Bytes(text.as_bytes())], &mut row);
        Assembly::start(&row)
    }

    fn close(assembly: &Assembly) -> String {
        let bytes = assembly.close(Column(1), &schema()).unwrap();
        let mut row = RowBuf::new();
        schema().decode(&bytes, &mut row).unwrap();
        assert_eq!(row[0], Cell::Int(1 << 28));
        String::from_utf8(row[1].as_bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_start_line_is_one_that_matches() {
        let rule = multiline(10, 1000);
        assert!(rule.is_start(b"2015-10-18 18:01:47,978 INFO"));
        assert!(!rule.is_start(b"\tat java.lang.Thread.run(Thread.java:745)"));
    }

    #[test]
    fn lines_are_appended_each_after_a_line_end() {
        let rule = multiline(10, 1000);
        let mut assembly = open("boom");
        assert_eq!(close(&assembly), "boom");
        for line in ["\tat a", "", "\tat b"] {
            assert_eq!(assembly.push(&rule, line.as_bytes()), Pushed::Whole);
        }
        assert_eq!(close(&assembly), "boom\n\tat a\n\n\tat b");
        assert_eq!((assembly.lines(), assembly.overflow()), (4, Overflow::default()));
    }

    #[test]
    fn what_is_beyond_the_bounds_is_counted() {
        let push = |assembly: &mut Assembly, rule: &Multiline, lines: &[&str]| -> Vec<Pushed> {
            lines.iter().map(|line| assembly.push(rule, line.as_bytes())).collect()
        };
        let (rule, mut assembly) = (multiline(3, 1000), open("1"));
        let pushed = push(&mut assembly, &rule, &["2", "3", "four", ""]);
        assert_eq!(pushed, [Pushed::Whole, Pushed::Whole, Pushed::Refused, Pushed::Refused]);
        assert_eq!(close(&assembly), "1\n2\n3");
        assert_eq!(assembly.overflow(), Overflow { lines: 2, bytes: 4 });

        let (rule, mut assembly) = (multiline(100, 16), open("boom"));
        let pushed = push(&mut assembly, &rule, &["aéé", "b"]);
        assert_eq!(pushed, [Pushed::Cut, Pushed::Refused], "nothing follows a cut");
        assert_eq!(close(&assembly), "boom\naé");
        assert_eq!(assembly.overflow(), Overflow { lines: 2, bytes: 3 });
    }

    #[test]
    fn pieces_are_joined_by_stream() {
        let arena = bumpalo::Bump::new();
        let mut partial = PartialLines::default();
        partial.push(b"stdout", b"{\"a\":", 100);
        partial.push(b"stderr", b"other ", 100);
        assert!(partial.holds(b"stdout") && !partial.holds(b""));
        assert_eq!(partial.pieces(), 2);
        let joined = partial.take(b"stdout", b"1}", 100, &arena);
        assert_eq!((joined.text, joined.full_length), (&b"{\"a\":1}"[..], 7));
        assert!(!partial.holds(b"stdout") && partial.holds(b"stderr"));
        let joined = partial.take(b"stderr", b"line", 8, &arena);
        assert_eq!((joined.text, joined.full_length), (&b"other li"[..], 10));
        assert!(partial.is_empty());
    }

    proptest! {
        #[test]
        fn no_assembly_is_beyond_its_bounds(lines: Vec<String>, max_lines in 1u32..8, max_bytes in 1u64..60, start: String) {
            let rule = multiline(max_lines, max_bytes);
            let mut assembly = open(&start);
            let opened = assembly.held_bytes() as u64;
            let mut all = start.clone();
            for line in &lines {
                assembly.push(&rule, line.as_bytes());
                all = format!("{all}\n{line}");
            }
            let mut saved = Writer::new();
            assembly.save(&mut saved);
            let loaded = Assembly::load(&mut Reader::new(saved.as_slice())).unwrap();
            prop_assert_eq!(&loaded, &assembly);
            let text = close(&loaded);
            prop_assert!(all.starts_with(&text));
            prop_assert!(assembly.lines() <= max_lines);
            prop_assert!(assembly.held_bytes() as u64 <= max_bytes.max(opened));
            prop_assert_eq!(assembly.overflow() == Overflow::default(), all.len() == text.len());
        }

        #[test]
        fn held_pieces_survive_a_checkpoint_and_stay_within_the_bound(pieces: Vec<(u8, Vec<u8>)>, most in 0usize..50) {
            let mut partial = PartialLines::default();
            for (stream, piece) in &pieces {
                partial.push([b"stdout".as_slice(), b"stderr", b""][usize::from(stream % 3)], piece, most);
            }
            let mut saved = Writer::new();
            partial.save(&mut saved);
            prop_assert_eq!(&PartialLines::load(&mut Reader::new(saved.as_slice())).unwrap(), &partial);
            prop_assert!(partial.streams.iter().all(|held| held.text.len() <= most));
        }

        #[test]
        fn arbitrary_bytes_do_not_load_with_a_panic(bytes: Vec<u8>) {
            let _ = Assembly::load(&mut Reader::new(&bytes));
            let _ = PartialLines::load(&mut Reader::new(&bytes));
        }
    }
}
