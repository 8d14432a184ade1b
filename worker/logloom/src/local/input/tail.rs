//! Following a file that is being written: growth, rotation by rename, truncation in place.
//!
//! ```text
//!  app.log ──rename──► app.log.1        the open file is read to its end, then what was written after it, in order:
//!                                       files that were rotated away meanwhile, at last the new app.log
//!  app.log ──truncate──► (shorter)      reading starts again at its first byte
//!  app.log ──rewrite──► (other front)   the same
//! ```
//!
//! A last line without a line end is waited for while the file is the one that is written. Behind a rotation or a
//! truncation nobody will end it any more: once it has stopped growing it is taken as it is.
//!
//! Line numbers go on across a rotation: to the position log it is one partition.
//!
//! A plain file that is not followed is read here too, so that its checkpoint says which file it was. It ends at its end.

use super::binding::Place;
use super::identity::{FileIdentity, Front, find, inode};
use super::lines::{LineReader, ReadState};
use super::open::InputError;
use super::rotated;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many files that were read are remembered, so that copies of them are not read again.
const REMEMBERED: usize = 64;

/// Where a plain file stands, for a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailState {
    /// The file that is being read.
    pub identity: FileIdentity,
    /// Number of the next line in the partition.
    pub line: u64,
    /// Byte in the file at which it starts.
    pub byte: u64,
    /// Whether it is followed through rotation and truncation.
    #[serde(default = "followed")]
    pub followed: bool,
    /// Files that were read before it.
    #[serde(default)]
    pub read: Vec<FileIdentity>,
}

/// Checkpoints that do not say it were made of followed files.
fn followed() -> bool {
    true
}

/// A file that is followed, or that is read once to its end.
pub struct Tail {
    path: PathBuf,
    file: Arc<File>,
    front: Arc<Mutex<Front>>,
    reader: LineReader,
    bound: usize,
    base: u64,
    followed: bool,
    read: Vec<FileIdentity>,
    /// Length of the open file at the last look, when it had another name already and ended inside a line.
    left_at: Option<u64>,
}

/// What a look at the file system showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The same file, and nothing after it.
    Same,
    /// The file has another name and may still grow: it is to be read and asked again.
    Again,
    /// Another file was written after it; it is open, reading starts at its first byte.
    Rotated,
    /// The file was truncated or rewritten; reading starts again at its first byte.
    Truncated,
    /// The unfinished line at the end will not be finished: it is to be taken as it is, then to be asked again.
    Unfinished,
}

/// The file as a source of bytes. When it is followed and no longer begins as it did when it was read, it gives none.
struct Watched {
    file: Arc<File>,
    at: u64,
    front: Arc<Mutex<Front>>,
    followed: bool,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        let mut front = lock(&self.front);
        // Behind the read: a front that stands now stood when the bytes were read.
        if count > 0 && self.followed && !front.stands_in(&self.file)? {
            return Ok(0);
        }
        front.take(self.at, &buffer[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

fn lock(front: &Mutex<Front>) -> MutexGuard<'_, Front> {
    front.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TailState {
    /// A place in the file that has the name now, for checkpoints that do not say which file it was.
    ///
    /// # Errors
    /// [`InputError::Open`].
    pub fn unknown(path: &Path, at: ReadState) -> Result<Self, InputError> {
        let identity = File::open(path).and_then(|file| FileIdentity::of(&file, 0));
        let identity = identity.map_err(|error| opening(path, error))?;
        Ok(Self { identity, line: at.line, byte: at.byte, followed: false, read: Vec::new() })
    }
}

impl Tail {
    /// Reads `path` from its first byte.
    ///
    /// # Errors
    /// [`InputError::Open`].
    pub fn start(path: &Path, bound: usize, followed: bool) -> Result<Self, InputError> {
        let begin = |file| Self::begin(path, file, bound, ReadState::default(), followed);
        File::open(path).and_then(|file| begin(Arc::new(file))).map_err(|error| opening(path, error))
    }

    /// Goes on where a checkpoint says. When the file was rotated since, its rest is looked for under the other names of
    /// the folder (by inode), so that nothing between is lost. What was followed once stays followed.
    ///
    /// # Errors
    /// [`InputError::Replaced`] when the file that was being read is nowhere, or shorter than it was read without being
    /// followed.
    pub fn resume(path: &Path, bound: usize, state: &TailState, follow: bool) -> Result<Self, InputError> {
        let replaced = |detail| InputError::Replaced { path: path.to_owned(), detail };
        let found = Self::found(path, state).map_err(|error| opening(path, error))?;
        let Some(found) = found else {
            let inode = state.identity.inode.1;
            let detail =
                format!("the file with inode {inode} that was read to byte {} is not in its folder", state.byte);
            return Err(replaced(detail));
        };
        let file = File::open(&found).map_err(|error| opening(&found, error))?;
        let length = file.metadata().map_err(|error| opening(&found, error))?.len();
        if !state.followed && length < state.byte {
            return Err(replaced(format!("it has {length} bytes, {} had been read", state.byte)));
        }
        let here = ReadState { line: state.line, byte: state.byte };
        let tail = Self::begin(path, Arc::new(file), bound, here, follow || state.followed);
        let tail = tail.map_err(|error| opening(&found, error))?;
        Ok(Self { read: state.read.clone(), ..tail })
    }

    /// The name of the file of a checkpoint. One that was not followed may have been copied: its front is enough.
    fn found(path: &Path, state: &TailState) -> io::Result<Option<PathBuf>> {
        let stands = |file: File| state.identity.fits_front(&file);
        if !state.followed && state.identity.head_length > 0 && File::open(path).and_then(stands).unwrap_or(false) {
            return Ok(Some(path.to_owned()));
        }
        let found = find(path, &state.identity)?;
        Ok(found.or_else(|| (!state.followed && state.byte == 0).then(|| path.to_owned())))
    }

    fn begin(path: &Path, file: Arc<File>, bound: usize, at: ReadState, followed: bool) -> io::Result<Self> {
        let front = Arc::new(Mutex::new(Front::of(&file, at.byte)?));
        let source = Watched { file: Arc::clone(&file), at: at.byte, front: Arc::clone(&front), followed };
        let reader = LineReader::resume(Box::new(source), bound, ReadState { line: at.line, byte: 0 });
        let (path, read) = (path.to_owned(), Vec::new());
        Ok(Self { path, file, front, reader, bound, base: at.byte, followed, read, left_at: None })
    }

    /// The lines of the open file.
    pub fn reader(&mut self) -> &mut LineReader {
        &mut self.reader
    }

    /// Whether it goes on behind the end of the open file ([`Tail::turn`]).
    pub fn is_followed(&self) -> bool {
        self.followed
    }

    /// Where it stands.
    ///
    /// # Errors
    /// [`InputError::Open`] when the file cannot be asked.
    pub fn state(&self) -> Result<TailState, InputError> {
        let byte = self.byte();
        let identity = self.identity(byte).map_err(|error| opening(&self.path, error))?;
        let line = self.reader.state().line;
        Ok(TailState { identity, line, byte, followed: self.followed, read: self.read.clone() })
    }

    /// Which file is open, by what was read of it.
    fn identity(&self, limit: u64) -> io::Result<FileIdentity> {
        Ok(lock(&self.front).identity(inode(&self.file.metadata()?), limit))
    }

    fn byte(&self) -> u64 {
        self.base + self.reader.state().byte
    }

    /// At the end of the open file: has it been rotated, truncated or rewritten? If so, opens what comes next.
    ///
    /// # Errors
    /// [`InputError::Open`]. A name that is missing for the moment (between rename and create) is [`Turn::Same`].
    pub fn turn(&mut self) -> Result<Turn, InputError> {
        self.look().map_err(|error| opening(&self.path, error))
    }

    fn look(&mut self) -> io::Result<Turn> {
        let open = self.file.metadata()?;
        if open.len() < self.byte() + self.reader.partial() || !lock(&self.front).stands_in(&self.file)? {
            if self.reader.holds_part() {
                return Ok(Turn::Unfinished);
            }
            self.go_on(Arc::clone(&self.file))?;
            return Ok(Turn::Truncated);
        }
        // Opened before the folder is listed: should it be rotated away meanwhile, it is at hand.
        let current = match File::open(&self.path) {
            Ok(current) if inode(&current.metadata()?) == inode(&open) => return Ok(Turn::Same),
            Ok(current) => Some(current),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let between = rotated::next(&self.path, &self.file, current.as_ref(), &self.read)?;
        let Some(next) = between.or(current) else { return Ok(Turn::Same) };
        // The length once more: the old file may have grown between the first look at it and its new name.
        let length = self.file.metadata()?.len();
        if length > self.byte() + self.reader.partial() {
            return Ok(Turn::Again);
        }
        if self.reader.holds_part() {
            let still = self.left_at == Some(length);
            self.left_at = Some(length);
            return Ok(if still { Turn::Unfinished } else { Turn::Again });
        }
        self.go_on(Arc::new(next))?;
        Ok(Turn::Rotated)
    }

    /// Begins a file at its first byte, and remembers the one before.
    fn go_on(&mut self, file: Arc<File>) -> io::Result<()> {
        let mut read = std::mem::take(&mut self.read);
        read.push(self.identity(u64::MAX)?);
        let forgotten = read.len().saturating_sub(REMEMBERED);
        read.drain(..forgotten);
        let at = ReadState { line: self.reader.state().line, byte: 0 };
        *self = Self { read, ..Self::begin(&self.path, file, self.bound, at, self.followed)? };
        Ok(())
    }
}

fn opening(path: &Path, error: io::Error) -> InputError {
    InputError::Open { place: Place::File(path.to_owned()).to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{Next, Truncate};
    use super::*;
    use std::io::Write;

    fn append(path: &Path, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn drain(tail: &mut Tail) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        loop {
            while let Next::Line(line) = tail.reader().next(&mut Truncate).unwrap() {
                lines.push((line.number, String::from_utf8(line.bytes.to_vec()).unwrap()));
            }
            match tail.turn().unwrap() {
                Turn::Same | Turn::Again => return lines,
                Turn::Unfinished => {
                    let line = tail.reader().finish(&mut Truncate).unwrap().unwrap();
                    lines.push((line.number, String::from_utf8(line.bytes.to_vec()).unwrap()));
                }
                Turn::Rotated | Turn::Truncated => {}
            }
        }
    }

    fn texts(lines: &[(u64, String)]) -> Vec<&str> {
        lines.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn growth_rotation_and_truncation_lose_nothing_and_number_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&path, "1\n2\n3");
        let mut tail = Tail::start(&path, 100, true).unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["1", "2"]);
        append(&path, "3\n");
        assert_eq!(texts(&drain(&mut tail)), ["33"]);
        std::fs::rename(&path, folder.path().join("app.log.1")).unwrap();
        append(&folder.path().join("app.log.1"), "4\n");
        append(&path, "5\n");
        let lines = drain(&mut tail);
        assert_eq!(texts(&lines), ["4", "5"]);
        assert_eq!(lines[1].0, 4);
        File::create(&path).unwrap();
        append(&path, "");
        drain(&mut tail);
        append(&path, "6\n");
        assert_eq!(texts(&drain(&mut tail)), ["6"]);
    }

    #[test]
    fn a_line_that_nobody_will_end_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&path, "1\n2");
        let mut tail = Tail::start(&path, 100, true).unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["1"]);
        std::fs::rename(&path, folder.path().join("app.log.1")).unwrap();
        append(&path, "3\n4");
        // The writer may still have the old file open: it gets one more look.
        assert_eq!(texts(&drain(&mut tail)), Vec::<&str>::new());
        append(&folder.path().join("app.log.1"), "2");
        assert_eq!(texts(&drain(&mut tail)), Vec::<&str>::new());
        assert_eq!(texts(&drain(&mut tail)), ["22", "3"]);
        File::create(&path).unwrap();
        append(&path, "");
        assert_eq!(texts(&drain(&mut tail)), ["4"]);
        append(&path, "5\n");
        assert_eq!(texts(&drain(&mut tail)), ["5"]);
    }

    #[test]
    fn a_checkpoint_finds_its_file_after_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&path, "1\n2\n");
        let mut tail = Tail::start(&path, 100, true).unwrap();
        tail.reader().next(&mut Truncate).unwrap();
        let state = tail.state().unwrap();
        drop(tail);
        std::fs::rename(&path, folder.path().join("app.log.7")).unwrap();
        append(&path, "3\n");
        let lines = drain(&mut Tail::resume(&path, 100, &state, true).unwrap());
        assert_eq!(texts(&lines), ["2", "3"]);
        assert_eq!(lines[1].0, 2);
        std::fs::remove_file(folder.path().join("app.log.7")).unwrap();
        assert!(matches!(Tail::resume(&path, 100, &state, true), Err(InputError::Replaced { .. })));
    }

    fn rename(folder: &Path, from: &str, to: &str) {
        std::fs::rename(folder.join(from), folder.join(to)).unwrap();
    }

    #[test]
    fn what_was_rotated_away_between_two_looks_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&folder.path().join("app.log.1"), "old\n");
        std::thread::sleep(std::time::Duration::from_millis(20));
        append(&path, "1\n");
        let mut tail = Tail::start(&path, 100, true).unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["1"]);
        let state = tail.state().unwrap();
        rename(folder.path(), "app.log.1", "app.log.2");
        for text in ["2\n", "3\n", "4\n"] {
            for number in (1..6).rev() {
                let (from, to) = (format!("app.log.{number}"), format!("app.log.{}", number + 1));
                if folder.path().join(&from).exists() {
                    rename(folder.path(), &from, &to);
                }
            }
            rename(folder.path(), "app.log", "app.log.1");
            std::thread::sleep(std::time::Duration::from_millis(20));
            append(&path, text);
        }
        // Neither copies of what was read, nor another log, nor what is compressed, comes between.
        std::fs::copy(folder.path().join("app.log.3"), folder.path().join("app.log.3.copy")).unwrap();
        std::fs::copy(&path, folder.path().join("app.log.4.copy")).unwrap();
        append(&folder.path().join("app.log.errors"), "other\n");
        std::fs::write(folder.path().join("app.log.9.gz"), [0x1f, 0x8b, 8, 0, 10]).unwrap();
        let lines = drain(&mut tail);
        assert_eq!(texts(&lines), ["2", "3", "4"]);
        assert_eq!(lines[2].0, 3);
        // Two processes read the same as one, wherever the first one stopped.
        assert_eq!(texts(&drain(&mut Tail::resume(&path, 100, &state, true).unwrap())), ["2", "3", "4"]);
        let mut first = Tail::resume(&path, 100, &state, true).unwrap();
        assert_eq!(first.turn().unwrap(), Turn::Rotated);
        first.reader().next(&mut Truncate).unwrap();
        let between = first.state().unwrap();
        assert_eq!(texts(&drain(&mut Tail::resume(&path, 100, &between, true).unwrap())), ["3", "4"]);
        append(&path, "5\n");
        assert_eq!(texts(&drain(&mut tail)), ["5"]);
    }

    #[test]
    fn a_file_that_is_rewritten_is_seen_though_it_is_no_shorter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&path, "a1\na2\n");
        let mut tail = Tail::start(&path, 100, true).unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["a1", "a2"]);
        // Longer, as long as before, and longer with a line that was not finished.
        std::fs::write(&path, "b1\nb2\nb3\n").unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["b1", "b2", "b3"]);
        std::fs::write(&path, "c1\nc2\nc3").unwrap();
        append(&path, "\n");
        let lines = drain(&mut tail);
        assert_eq!(texts(&lines), ["c1", "c2", "c3"]);
        assert_eq!(lines[0].0, 5);
        append(&path, "c4");
        assert!(drain(&mut tail).is_empty());
        std::fs::write(&path, "d1\nd2\nd3\nd4\nd5\n").unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["c4", "d1", "d2", "d3", "d4", "d5"]);
    }

    #[test]
    fn a_file_that_was_not_followed_is_known_again_and_followed_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&path, "1\n2\n");
        let mut tail = Tail::start(&path, 100, false).unwrap();
        tail.reader().next(&mut Truncate).unwrap();
        let state = tail.state().unwrap();
        // A copy in its place is as good.
        std::fs::copy(&path, folder.path().join("copy")).unwrap();
        rename(folder.path(), "copy", "app.log");
        assert_eq!(texts(&drain(&mut Tail::resume(&path, 100, &state, true).unwrap())), ["2"]);
        let state = TailState { identity: FileIdentity::of(&File::open(&path).unwrap(), 2).unwrap(), ..state };
        rename(folder.path(), "app.log", "app.log.1");
        append(&path, "3\n");
        assert_eq!(texts(&drain(&mut Tail::resume(&path, 100, &state, true).unwrap())), ["2", "3"]);
        std::fs::remove_file(folder.path().join("app.log.1")).unwrap();
        assert!(matches!(Tail::resume(&path, 100, &state, true), Err(InputError::Replaced { .. })));
        std::fs::write(&path, "1\n").unwrap();
        let longer = TailState { byte: 4, ..state };
        assert!(matches!(Tail::resume(&path, 100, &longer, false), Err(InputError::Replaced { .. })));
    }

    #[test]
    fn a_folder_that_is_gone_for_a_while_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs").join("app.log");
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        append(&path, "1\n");
        let mut tail = Tail::start(&path, 100, true).unwrap();
        assert_eq!(texts(&drain(&mut tail)), ["1"]);
        std::fs::remove_dir_all(folder.path().join("logs")).unwrap();
        assert!(drain(&mut tail).is_empty());
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        append(&path, "2\n");
        assert_eq!(texts(&drain(&mut tail)), ["2"]);
    }
}
