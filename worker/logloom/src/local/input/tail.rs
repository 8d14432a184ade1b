//! Following a file that is being written: growth, rotation by rename, truncation in place.
//!
//! ```text
//!  app.log ──rename──► app.log.1        the open file is read to its end, then the new app.log is opened
//!  app.log ──truncate──► (shorter)      reading starts again at its first byte
//! ```
//!
//! A last line without a line end is waited for while the file is the one that is written. Behind a rotation or a
//! truncation nobody will end it any more: once it has stopped growing it is taken as it is.
//!
//! Line numbers go on across a rotation: to the position log it is one partition.

use super::binding::Place;
use super::lines::{LineReader, ReadState};
use super::open::InputError;
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes at the front of a file that tell it from another one under the same name.
const HEAD: usize = 256;

/// Which file it is: what survives a rename and shows a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device and inode number.
    pub inode: (u64, u64),
    /// Length of the front that `head` covers, at most 256 bytes.
    pub head_length: u64,
    /// XXH3 of that front.
    pub head: u64,
}

/// Where a followed file stands, for a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailState {
    /// The file that is being read.
    pub identity: FileIdentity,
    /// Number of the next line in the partition.
    pub line: u64,
    /// Byte in the file at which it starts.
    pub byte: u64,
}

/// A file that is followed.
pub struct Tail {
    path: PathBuf,
    file: File,
    reader: LineReader,
    bound: usize,
    base: u64,
    /// Length of the open file at the last look, when it had another name already and ended inside a line.
    left_at: Option<u64>,
}

/// What a look at the file system showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The same file.
    Same,
    /// Another file has its name now; it is open, reading starts at its first byte.
    Rotated,
    /// The file has become shorter; reading starts again at its first byte.
    Truncated,
    /// The unfinished line at the end will not be finished: it is to be taken as it is, then to be asked again.
    Unfinished,
}

impl FileIdentity {
    /// The identity of an open file, over a front of at most `limit` bytes.
    fn of(file: &File, limit: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let wanted = metadata.len().min(limit).min(HEAD as u64);
        let mut head = vec![0; usize::try_from(wanted).unwrap_or(HEAD)];
        file.read_exact_at(&mut head, 0)?;
        Ok(Self { inode: inode(&metadata), head_length: wanted, head: xxh3_64(&head) })
    }

    /// Whether `file` still is the file that this identity was taken of.
    fn fits(&self, file: &File) -> io::Result<bool> {
        if file.metadata()?.len() < self.head_length {
            return Ok(false);
        }
        let now = Self::of(file, self.head_length)?;
        Ok(now.head_length == self.head_length && now.head == self.head && now.inode == self.inode)
    }
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The file as a source of bytes; shares its position with nobody.
struct Shared(File);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Tail {
    /// Follows `path` from its first byte.
    ///
    /// # Errors
    /// [`InputError::Open`].
    pub fn start(path: &Path, bound: usize) -> Result<Self, InputError> {
        Self::begin(path, bound, ReadState::default(), 0).map_err(|error| opening(path, error))
    }

    /// Goes on where a checkpoint says. When the file was rotated since, its rest is looked for under the other names of
    /// the folder (by inode), so that nothing between is lost.
    ///
    /// # Errors
    /// [`InputError::Replaced`] when the file that was being read is nowhere.
    pub fn resume(path: &Path, bound: usize, state: TailState) -> Result<Self, InputError> {
        let found = find(path, &state.identity).map_err(|error| opening(path, error))?;
        let Some(found) = found else {
            let detail = format!(
                "the file with inode {} that was read to byte {} is not in its folder",
                state.identity.inode.1, state.byte
            );
            return Err(InputError::Replaced { path: path.to_owned(), detail });
        };
        let here = ReadState { line: state.line, byte: state.byte };
        let mut tail = Self::begin(&found, bound, here, state.byte).map_err(|error| opening(&found, error))?;
        tail.path = path.to_owned();
        Ok(tail)
    }

    fn begin(path: &Path, bound: usize, state: ReadState, seek: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut handle = file.try_clone()?;
        handle.seek(SeekFrom::Start(seek))?;
        let reader = LineReader::resume(Box::new(Shared(handle)), bound, ReadState { line: state.line, byte: 0 });
        Ok(Self { path: path.to_owned(), file, reader, bound, base: seek, left_at: None })
    }

    /// The lines of the open file.
    pub fn reader(&mut self) -> &mut LineReader {
        &mut self.reader
    }

    /// Where it stands.
    ///
    /// # Errors
    /// [`InputError::Open`] when the front of the file cannot be read.
    pub fn state(&self) -> Result<TailState, InputError> {
        let byte = self.byte();
        let identity = FileIdentity::of(&self.file, byte).map_err(|error| opening(&self.path, error))?;
        Ok(TailState { identity, line: self.reader.state().line, byte })
    }

    fn byte(&self) -> u64 {
        self.base + self.reader.state().byte
    }

    /// At the end of the open file: has it been rotated or truncated? If so, opens what is there now.
    ///
    /// # Errors
    /// [`InputError::Open`]. A name that is missing for the moment (between rename and create) is [`Turn::Same`].
    pub fn turn(&mut self) -> Result<Turn, InputError> {
        let fail = |error| opening(&self.path, error);
        let open = self.file.metadata().map_err(fail)?;
        if open.len() < self.byte() || (self.reader.holds_part() && open.len() < self.byte() + self.reader.partial()) {
            if self.reader.holds_part() {
                return Ok(Turn::Unfinished);
            }
            self.reopen().map_err(|error| opening(&self.path, error))?;
            return Ok(Turn::Truncated);
        }
        let named = match std::fs::metadata(&self.path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Turn::Same),
            Err(error) => return Err(opening(&self.path, error)),
        };
        if inode(&named) == inode(&open) {
            return Ok(Turn::Same);
        }
        // The length once more: the old file may have grown between the first look at it and its new name.
        let length = self.file.metadata().map_err(fail)?.len();
        if length > self.byte() + self.reader.partial() {
            return Ok(Turn::Same);
        }
        if self.reader.holds_part() {
            let still = self.left_at == Some(length);
            self.left_at = Some(length);
            return Ok(if still { Turn::Unfinished } else { Turn::Same });
        }
        self.reopen().map_err(|error| opening(&self.path, error))?;
        Ok(Turn::Rotated)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let line = self.reader.state().line;
        let path = std::mem::take(&mut self.path);
        *self = Self::begin(&path, self.bound, ReadState { line, byte: 0 }, 0)?;
        Ok(())
    }
}

fn opening(path: &Path, error: io::Error) -> InputError {
    InputError::Open { place: Place::File(path.to_owned()).to_string(), error }
}

/// The file of this identity: under its own name, or under another one in the same folder.
fn find(path: &Path, identity: &FileIdentity) -> io::Result<Option<PathBuf>> {
    let fits = |candidate: &Path| -> bool {
        std::fs::metadata(candidate).is_ok_and(|metadata| metadata.is_file() && inode(&metadata) == identity.inode)
            && File::open(candidate).and_then(|file| identity.fits(&file)).unwrap_or(false)
    };
    if fits(path) {
        return Ok(Some(path.to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(folder)? {
        let candidate = entry?.path();
        if fits(&candidate) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
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
                Turn::Same => return lines,
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
        let mut tail = Tail::start(&path, 100).unwrap();
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
        let mut tail = Tail::start(&path, 100).unwrap();
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
        let mut tail = Tail::start(&path, 100).unwrap();
        tail.reader().next(&mut Truncate).unwrap();
        let state = tail.state().unwrap();
        drop(tail);
        std::fs::rename(&path, folder.path().join("app.log.7")).unwrap();
        append(&path, "3\n");
        let lines = drain(&mut Tail::resume(&path, 100, state).unwrap());
        assert_eq!(texts(&lines), ["2", "3"]);
        assert_eq!(lines[1].0, 2);
        std::fs::remove_file(folder.path().join("app.log.7")).unwrap();
        assert!(matches!(Tail::resume(&path, 100, state), Err(InputError::Replaced { .. })));
    }
}
