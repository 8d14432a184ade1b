//! Which file it is: what survives a rename and shows a replacement.

use serde::{Deserialize, Serialize};
use std::fs::{DirEntry, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes at the front of a file that tell it from another one under the same name.
const FRONT: usize = 256;

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device and inode number.
    pub inode: (u64, u64),
    /// Length of the front that `head` covers, at most 256 bytes.
    pub head_length: u64,
    /// XXH3 of that front.
    pub head: u64,
}

impl FileIdentity {
    /// The identity of an open file, over a front of at most `limit` bytes.
    pub(super) fn of(file: &File, limit: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let wanted = metadata.len().min(limit).min(FRONT as u64);
        let mut front = vec![0; usize::try_from(wanted).unwrap_or(FRONT)];
        file.read_exact_at(&mut front, 0)?;
        Ok(Self { inode: inode(&metadata), head_length: wanted, head: xxh3_64(&front) })
    }

    /// Whether `file` still is the file that this identity was taken of.
    pub(super) fn fits(&self, file: &File) -> io::Result<bool> {
        Ok(inode(&file.metadata()?) == self.inode && self.fits_front(file)?)
    }

    /// Whether `file` begins as the file that this identity was taken of.
    pub(super) fn fits_front(&self, file: &File) -> io::Result<bool> {
        let now = Self::of(file, self.head_length)?;
        Ok(self.same_front(&now))
    }

    /// Whether both begin alike.
    pub(super) fn same_front(&self, other: &Self) -> bool {
        (self.head_length, self.head) == (other.head_length, other.head)
    }
}

pub(super) fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The front of a file as it was read: what the file is compared with to see whether it was rewritten.
#[derive(Debug, Default)]
pub(super) struct Front(Vec<u8>);

impl Front {
    /// The first `length` bytes of a file that were read by another process.
    pub(super) fn of(file: &File, length: u64) -> io::Result<Self> {
        let wanted = file.metadata()?.len().min(length).min(FRONT as u64);
        let mut front = vec![0; usize::try_from(wanted).unwrap_or(FRONT)];
        file.read_exact_at(&mut front, 0)?;
        Ok(Self(front))
    }

    /// Takes what was read at byte `at`.
    pub(super) fn take(&mut self, at: u64, bytes: &[u8]) {
        if at == self.0.len() as u64 {
            let room = bytes.len().min(FRONT - self.0.len());
            self.0.extend_from_slice(&bytes[..room]);
        }
    }

    /// Whether the file still begins with it.
    pub(super) fn stands_in(&self, file: &File) -> io::Result<bool> {
        let mut now = vec![0; self.0.len()];
        match file.read_exact_at(&mut now, 0) {
            Ok(()) => Ok(now == self.0),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// As an identity, over at most `limit` bytes.
    pub(super) fn identity(&self, inode: (u64, u64), limit: u64) -> FileIdentity {
        let length = usize::try_from(limit).unwrap_or(FRONT).min(self.0.len());
        FileIdentity { inode, head_length: length as u64, head: xxh3_64(&self.0[..length]) }
    }
}

/// What is in the folder of a file; nothing when the folder is gone.
pub(super) fn beside(path: &Path) -> io::Result<Vec<DirEntry>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::read_dir(folder).and_then(Iterator::collect) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            let place = folder.display();
            let message = format!("{error}: {place} must be readable, rotated files are looked for in it");
            Err(io::Error::new(error.kind(), message))
        }
        found => found,
    }
}

/// The file of this identity: under its own name, or under another one in the same folder.
pub(super) fn find(path: &Path, identity: &FileIdentity) -> io::Result<Option<PathBuf>> {
    let fits = |candidate: &Path| -> bool {
        std::fs::metadata(candidate).is_ok_and(|metadata| metadata.is_file() && inode(&metadata) == identity.inode)
            && File::open(candidate).and_then(|file| identity.fits(&file)).unwrap_or(false)
    };
    if fits(path) {
        return Ok(Some(path.to_owned()));
    }
    for entry in beside(path)? {
        let candidate = entry.path();
        if fits(&candidate) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}
