//! One open input: its lines, where it stands, and what it does with lines above the bound.

use super::checkpoint::InputState;
use super::input::{
    InputError, Line, LineReader, Overflow, Partition, Piped, Place, ReadState, Tail, TailState, Truncate, Turn,
    file_is_compressed, open,
};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Keeps lines above the bound whole, one file each.
pub struct Keep {
    folder: PathBuf,
    prefix: String,
    open: Option<(u64, File)>,
}

impl Keep {
    /// Files go into `folder`, with names that begin with source and partition.
    pub fn new(folder: &Path, partition: &Partition) -> Self {
        Self { folder: folder.to_owned(), prefix: format!("{}-{}", partition.source, partition.number), open: None }
    }

    /// Name of the file of a line, relative to the output folder.
    pub fn reference(&self, line: u64) -> String {
        format!("superlogs/{}-{line}", self.prefix)
    }
}

impl Overflow for Keep {
    fn part(&mut self, line: u64, first: bool, bytes: &[u8]) -> io::Result<()> {
        if first || self.open.as_ref().is_none_or(|(open, _)| *open != line) {
            fs::create_dir_all(&self.folder)?;
            let file = File::create(self.folder.join(format!("{}-{line}", self.prefix)))?;
            self.open = Some((line, file));
        }
        match &mut self.open {
            Some((_, file)) => file.write_all(bytes),
            None => Ok(()),
        }
    }
}

enum Source {
    Whole(LineReader),
    Tail(Box<Tail>),
}

/// An open input.
pub struct Feed {
    place: Place,
    source: Source,
    keep: Option<Keep>,
    /// Whether the end of the input is waited at.
    follow: bool,
    ended: bool,
}

/// What reading gave.
pub enum Fed<'a> {
    /// A line; with the name of the file that keeps it whole, if it is above the bound and kept.
    Line(Line<'a>, Option<String>),
    /// Nothing more now.
    Quiet,
    /// Nothing more ever.
    Ended,
}

impl Feed {
    /// Opens a partition, at the place where a checkpoint left it.
    ///
    /// # Errors
    /// [`InputError`].
    pub fn open(
        partition: &Partition,
        bound: usize,
        follow: bool,
        keep: Option<Keep>,
        state: Option<&InputState>,
    ) -> Result<Self, InputError> {
        let place = partition.place.clone();
        let source = match (&place, follow) {
            (Place::File(path), _) => tail(path, bound, follow, state)?.map(|tail| Source::Tail(Box::new(tail))),
            (Place::Stdin, true) => {
                let piped = Piped::start(|| open(&Place::Stdin).map_err(io::Error::other));
                let piped = piped.map_err(|error| InputError::Open { place: place.to_string(), error })?;
                Some(Source::Whole(LineReader::new(Box::new(piped), bound)))
            }
            (Place::Stdin, false) => None,
        };
        let source = match source {
            Some(source) => source,
            None => Source::Whole(reader(&place, bound, state)?),
        };
        Ok(Self { place, source, keep, follow, ended: state.is_some_and(|state| state.ended) })
    }

    /// The next line.
    ///
    /// # Errors
    /// [`InputError::Read`].
    pub fn read(&mut self) -> Result<Fed<'_>, InputError> {
        if self.ended {
            return Ok(Fed::Ended);
        }
        let place = &self.place;
        let mut truncate = Truncate;
        loop {
            let reader = match &mut self.source {
                Source::Whole(reader) => reader,
                Source::Tail(tail) => tail.reader(),
            };
            let at = reader.state();
            let overflow: &mut dyn Overflow = match &mut self.keep {
                Some(keep) => keep,
                None => &mut truncate,
            };
            let fail = |error| InputError::reading(place, at, error);
            let ready = match reader.ready(overflow) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Fed::Quiet),
                ready => ready.map_err(fail)?,
            };
            if ready {
                break;
            }
            let turn = match &mut self.source {
                Source::Tail(tail) if tail.is_followed() => tail.turn()?,
                Source::Tail(_) | Source::Whole(_) => break,
            };
            match turn {
                Turn::Same | Turn::Again if self.follow => return Ok(Fed::Quiet),
                Turn::Same | Turn::Unfinished => break,
                Turn::Again | Turn::Rotated | Turn::Truncated => {}
            }
        }
        let reader = match &mut self.source {
            Source::Whole(reader) => reader,
            Source::Tail(tail) => tail.reader(),
        };
        let at = reader.state();
        let reference = self.keep.as_ref().map(|keep| keep.reference(at.line));
        let overflow: &mut dyn Overflow = match &mut self.keep {
            Some(keep) => keep,
            None => &mut truncate,
        };
        let fail = |error| InputError::reading(place, at, error);
        match reader.take_ready(overflow).map_err(fail)? {
            Some(line) => {
                let reference = reference.filter(|_| line.digest.is_some());
                Ok(Fed::Line(line, reference))
            }
            None => {
                self.ended = true;
                Ok(Fed::Ended)
            }
        }
    }

    /// Where it stands, for a checkpoint.
    ///
    /// # Errors
    /// [`InputError::Open`].
    pub fn state(&self) -> Result<InputState, InputError> {
        let (read, tail) = match &self.source {
            Source::Whole(reader) => (reader.state(), None),
            Source::Tail(tail) => {
                let state = tail.state()?;
                (ReadState { line: state.line, byte: state.byte }, Some(state))
            }
        };
        Ok(InputState { place: self.place.to_string(), line: read.line, byte: read.byte, tail, ended: self.ended })
    }

    /// True when the beginning of a line is at hand whose end has not been written yet. Its time may lie before any
    /// claim that could be made now.
    pub fn holds_part(&mut self) -> bool {
        match &mut self.source {
            Source::Whole(reader) => reader.holds_part(),
            Source::Tail(tail) => tail.reader().holds_part(),
        }
    }

    /// Number of the next line.
    pub fn line(&mut self) -> u64 {
        match &mut self.source {
            Source::Whole(reader) => reader.state().line,
            Source::Tail(tail) => tail.reader().state().line,
        }
    }
}

/// A plain file at the place where a checkpoint left it; none for what is compressed or no file (a pipe).
fn tail(path: &Path, bound: usize, follow: bool, state: Option<&InputState>) -> Result<Option<Tail>, InputError> {
    let known = state.and_then(|state| state.tail.as_ref());
    let fail = |error| InputError::Open { place: Place::File(path.to_owned()).to_string(), error };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        // Its file may have another name now.
        Err(error) if error.kind() == io::ErrorKind::NotFound && known.is_some() => None,
        Err(error) => return Err(fail(error)),
    };
    if metadata.as_ref().is_some_and(|metadata| !metadata.is_file()) && !follow {
        return Ok(None);
    }
    let compressed = metadata.is_some_and(|metadata| metadata.is_file()) && file_is_compressed(path).map_err(fail)?;
    if compressed && follow {
        return Err(InputError::FollowCompressed { path: path.to_owned() });
    }
    match (known, state.filter(|state| state.byte > 0)) {
        (Some(known), _) => Tail::resume(path, bound, known, follow).map(Some),
        (None, _) if compressed => Ok(None),
        (None, Some(state)) => {
            Tail::resume(path, bound, &TailState::unknown(path, state.read_state())?, follow).map(Some)
        }
        (None, None) => Tail::start(path, bound, follow).map(Some),
    }
}

/// A reader at the place where a checkpoint left it, for what cannot be sought: it is read again up to there.
fn reader(place: &Place, bound: usize, state: Option<&InputState>) -> Result<LineReader, InputError> {
    let Some(state) = state.filter(|state| state.byte > 0) else { return Ok(LineReader::new(open(place)?, bound)) };
    let read = state.read_state();
    let fail = |error| InputError::reading(place, read, error);
    LineReader::skip_to(open(place)?, bound, read).map_err(fail)
}
