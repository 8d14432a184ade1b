//! Splitting a byte stream into lines, with a bound on what one line may cost.
//!
//! A line longer than the bound is read to its end, but only its beginning is kept: the reader
//! counts the rest and hashes all of it, and hands the rest on to whoever keeps superlogs whole. A 200 MB line
//! costs the bound, not 200 MB.

use std::io::{self, Read};
use xxhash_rust::xxh3::Xxh3;

const BLOCK: usize = 256 * 1024;

/// Where a reader stands: enough to go on from here in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadState {
    /// Number of the next line, from 0.
    pub line: u64,
    /// Byte of the (decompressed) stream at which it starts.
    pub byte: u64,
}

/// One line, without its line end.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its number in the stream, from 0.
    pub number: u64,
    /// The line, or its beginning when it is longer than the bound.
    pub bytes: &'a [u8],
    /// Length of the whole line in bytes.
    pub full_length: u64,
    /// XXH3-128 of the whole line; only for lines above the bound.
    pub digest: Option<u128>,
}

/// Who gets what a superlog has beyond the bound (and its beginning, first).
pub trait Overflow {
    /// A part of the line; `first` on its first part.
    ///
    /// # Errors
    /// An error stops the read: nothing may be dropped silently.
    fn part(&mut self, line: u64, first: bool, bytes: &[u8]) -> io::Result<()>;
}

/// Forgets what is beyond the bound.
pub struct Truncate;

impl Overflow for Truncate {
    fn part(&mut self, _line: u64, _first: bool, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// What [`LineReader::next`] gave.
#[derive(Debug)]
pub enum Next<'a> {
    /// A line.
    Line(Line<'a>),
    /// The stream has no more bytes now; `partial` bytes of an unfinished line are kept.
    End {
        /// Bytes of an unfinished line.
        partial: u64,
    },
}

/// Lines of a stream.
pub struct LineReader {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    bound: usize,
    state: ReadState,
    giant: Option<Giant>,
    /// Length of the unread line at hand.
    found: Option<usize>,
    /// Beginning of the last line above the bound, lent out in [`Line`].
    head: Vec<u8>,
}

/// A line above the bound that is being read.
struct Giant {
    head: Vec<u8>,
    length: u64,
    hash: Xxh3,
}

impl LineReader {
    /// Reads lines of at most `bound` bytes (longer ones are cut, see [`Line`]).
    pub fn new(source: Box<dyn Read + Send>, bound: usize) -> Self {
        let bound = bound.max(1);
        Self {
            source,
            buffer: vec![0; BLOCK.max(bound + 2)],
            start: 0,
            end: 0,
            bound,
            state: ReadState::default(),
            giant: None,
            found: None,
            head: Vec::new(),
        }
    }

    /// A reader over a source that has been moved to `state` already.
    pub fn resume(source: Box<dyn Read + Send>, bound: usize, state: ReadState) -> Self {
        Self { state, ..Self::new(source, bound) }
    }

    /// Reads and forgets everything before `state`, for sources that cannot seek.
    ///
    /// # Errors
    /// That of the source; `UnexpectedEof` when the stream is shorter than it was.
    pub fn skip_to(mut source: Box<dyn Read + Send>, bound: usize, state: ReadState) -> io::Result<Self> {
        let skipped = io::copy(&mut source.by_ref().take(state.byte), &mut io::sink())?;
        if skipped < state.byte {
            let message =
                format!("the stream ends at byte {skipped}, a checkpoint says that it was read to byte {}", state.byte);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(Self::resume(source, bound, state))
    }

    /// True when a part of a line is at hand that has no line end yet.
    pub fn holds_part(&self) -> bool {
        self.found.is_none() && (self.giant.is_some() || self.end > self.start)
    }

    /// Where the next line starts.
    pub fn state(&self) -> ReadState {
        self.state
    }

    /// The next line that has a line end. At the end of the stream an unfinished line stays where it is:
    /// it may grow (a followed file), or [`LineReader::finish`] takes it.
    ///
    /// # Errors
    /// That of the source or of `overflow`.
    pub fn next(&mut self, overflow: &mut dyn Overflow) -> io::Result<Next<'_>> {
        if self.ready(overflow)? {
            return match self.take_ready(overflow)? {
                Some(line) => Ok(Next::Line(line)),
                None => Ok(Next::End { partial: 0 }),
            };
        }
        Ok(Next::End { partial: self.partial() })
    }

    /// Reads until a whole line is at hand; false when the stream has none now.
    ///
    /// # Errors
    /// As [`LineReader::next`].
    pub fn ready(&mut self, overflow: &mut dyn Overflow) -> io::Result<bool> {
        if self.found.is_some() {
            return Ok(true);
        }
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            match memchr::memchr(b'\n', &unread[searched..]) {
                Some(at) => {
                    self.found = Some(searched + at);
                    return Ok(true);
                }
                None => searched = unread.len(),
            }
            if searched > self.bound {
                self.grow_giant(searched, overflow)?;
                searched = 1;
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// The line that is at hand, or at the end of the stream what is left of it.
    ///
    /// # Errors
    /// That of `overflow`.
    pub fn take_ready(&mut self, overflow: &mut dyn Overflow) -> io::Result<Option<Line<'_>>> {
        match self.found.take() {
            Some(length) => self.take(length, 1, overflow).map(Some),
            None => self.finish(overflow),
        }
    }

    /// The last line when the stream has ended without a line end.
    ///
    /// # Errors
    /// That of `overflow`.
    pub fn finish(&mut self, overflow: &mut dyn Overflow) -> io::Result<Option<Line<'_>>> {
        if self.partial() == 0 {
            return Ok(None);
        }
        self.take(self.end - self.start, 0, overflow).map(Some)
    }

    /// Bytes of the unfinished line at the end.
    pub fn partial(&self) -> u64 {
        (self.end - self.start) as u64 + self.giant.as_ref().map_or(0, |giant| giant.length)
    }

    /// Moves what is unread to the front and reads more. False at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves all but one byte of the unread part into the giant (a carriage return may be the last).
    fn grow_giant(&mut self, unread: usize, overflow: &mut dyn Overflow) -> io::Result<()> {
        let part = &self.buffer[self.start..self.start + unread - 1];
        let first = self.giant.is_none();
        overflow.part(self.state.line, first, part)?;
        let giant = self.giant.get_or_insert_with(|| Giant { head: Vec::new(), length: 0, hash: Xxh3::new() });
        giant.take(part, self.bound);
        self.start += part.len();
        Ok(())
    }

    /// Takes the line of `length` unread bytes and a line end of `end_length`.
    fn take(&mut self, length: usize, end_length: usize, overflow: &mut dyn Overflow) -> io::Result<Line<'_>> {
        let from = self.start;
        let mut to = from + length;
        let consumed = length + end_length;
        if end_length == 1 && to > from && self.buffer[to - 1] == b'\r' {
            to -= 1;
        }
        let number = self.state.line;
        if self.giant.is_none() && to - from > self.bound {
            let first = &self.buffer[from..from];
            overflow.part(number, true, first)?;
            self.giant = Some(Giant { head: Vec::new(), length: 0, hash: Xxh3::new() });
        }
        if self.giant.is_some() {
            overflow.part(number, false, &self.buffer[from..to])?;
        }
        let giant_bytes = self.giant.as_ref().map_or(0, |giant| giant.length);
        self.state.line += 1;
        self.state.byte += giant_bytes + consumed as u64;
        self.start += consumed;
        let bytes = &self.buffer[from..to];
        match self.giant.take() {
            None => Ok(Line { number, bytes, full_length: bytes.len() as u64, digest: None }),
            Some(mut giant) => {
                giant.take(bytes, self.bound);
                let (full_length, digest) = (giant.length, Some(giant.hash.digest128()));
                self.head = giant.head;
                Ok(Line { number, bytes: &self.head, full_length, digest })
            }
        }
    }
}

impl Giant {
    fn take(&mut self, part: &[u8], bound: usize) {
        let room = bound.saturating_sub(self.head.len()).min(part.len());
        self.head.extend_from_slice(&part[..room]);
        self.length += part.len() as u64;
        self.hash.update(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// Gives at most `step` bytes a read, to move line ends over block borders.
    struct Slow(Cursor<Vec<u8>>, usize);
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let room = buffer.len().min(self.1);
            self.0.read(&mut buffer[..room])
        }
    }

    #[derive(Default)]
    struct Keep(Vec<(u64, Vec<u8>)>);
    impl Overflow for Keep {
        fn part(&mut self, line: u64, first: bool, bytes: &[u8]) -> io::Result<()> {
            if first {
                self.0.push((line, Vec::new()));
            }
            self.0.last_mut().unwrap().1.extend_from_slice(bytes);
            Ok(())
        }
    }

    type Taken = (u64, Vec<u8>, u64, bool);

    fn lines(text: &[u8], step: usize, bound: usize) -> (Vec<Taken>, Keep, ReadState) {
        let mut reader = LineReader::new(Box::new(Slow(Cursor::new(text.to_vec()), step)), bound);
        let (mut all, mut keep) = (Vec::new(), Keep::default());
        let own = |line: &Line<'_>| (line.number, line.bytes.to_vec(), line.full_length, line.digest.is_some());
        while let Next::Line(line) = reader.next(&mut keep).unwrap() {
            all.push(own(&line));
        }
        if let Some(line) = reader.finish(&mut keep).unwrap() {
            all.push(own(&line));
        }
        let state = reader.state();
        (all, keep, state)
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_bytes_arrive(
            parts in prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab\r".to_vec()), 0..40), 0..12),
            end in any::<bool>(), step in 1usize..50, bound in 1usize..30,
        ) {
            let mut text = parts.join(&b'\n');
            if end { text.push(b'\n'); }
            let (all, keep, state) = lines(&text, step, bound);
            let mut expected: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            let last = expected.pop().unwrap_or_default();
            let mut expected: Vec<Vec<u8>> = expected.into_iter()
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect();
            if !last.is_empty() { expected.push(last.to_vec()); }
            prop_assert_eq!(all.len(), expected.len());
            for ((number, bytes, full, giant), (index, want)) in all.iter().zip(expected.iter().enumerate()) {
                prop_assert_eq!(*number, index as u64);
                prop_assert_eq!(*full, want.len() as u64);
                prop_assert_eq!(bytes, &want[..want.len().min(bound)]);
                if *giant {
                    let kept = keep.0.iter().find(|(line, _)| line == number).map(|(_, bytes)| bytes);
                    prop_assert_eq!(kept, Some(want));
                } else {
                    prop_assert!(want.len() <= bound);
                }
            }
            prop_assert_eq!(state.byte, text.len() as u64);
        }
    }

    #[test]
    fn a_line_of_any_length_costs_its_bound() {
        let text = [vec![b'x'; 5_000_000], b"\nnext\n".to_vec()].concat();
        let mut reader = LineReader::new(Box::new(Cursor::new(text)), 1000);
        match reader.next(&mut Truncate).unwrap() {
            Next::Line(line) => assert_eq!((line.bytes.len(), line.full_length), (1000, 5_000_000)),
            Next::End { .. } => panic!("no line"),
        }
        assert!(reader.buffer.len() < 2 * BLOCK);
        assert!(matches!(reader.next(&mut Truncate).unwrap(), Next::Line(line) if line.bytes == b"next"));
    }

    #[test]
    fn an_unfinished_line_waits() {
        let mut reader = LineReader::new(Box::new(Cursor::new(b"one\ntw".to_vec())), 100);
        assert!(matches!(reader.next(&mut Truncate).unwrap(), Next::Line(_)));
        assert!(matches!(reader.next(&mut Truncate).unwrap(), Next::End { partial: 2 }));
        assert_eq!(reader.state(), ReadState { line: 1, byte: 4 });
    }
}
