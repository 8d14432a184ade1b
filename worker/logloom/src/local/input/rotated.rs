//! Files that were rotated away between two looks: `app.log` became `app.log.1` and then `app.log.2`, and what was
//! `app.log` in between is `app.log.1` now.
//!
//! Which file comes next is a function of the files in the folder and of what was read, never of the clock: a run that
//! goes on from a checkpoint finds the same.

use super::identity::{FileIdentity, beside, inode};
use super::open::is_compressed;
use std::ffi::OsStr;
use std::fs::{DirEntry, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// The file that was written next after `last` under the name `path`, and has another name now. `read` are files that
/// were read before; neither they nor copies of them are found, nor `current`, which has the name now.
pub(super) fn next(
    path: &Path,
    last: &File,
    current: Option<&File>,
    read: &[FileIdentity],
) -> io::Result<Option<File>> {
    let since = last.metadata()?;
    let since = (since.mtime(), since.mtime_nsec());
    let mut known = read.to_vec();
    known.push(FileIdentity::of(last, u64::MAX)?);
    if let Some(current) = current {
        known.push(FileIdentity::of(current, u64::MAX)?);
    }
    let mut candidates = Vec::new();
    for entry in beside(path)? {
        let Some(metadata) = entry_of_rotation(path, &entry) else { continue };
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        if modified >= since {
            candidates.push((modified, inode(&metadata), entry.path()));
        }
    }
    candidates.sort();
    for (_, _, candidate) in candidates {
        // It may have got another name, or have been compressed, since the folder was listed.
        let Ok(file) = File::open(&candidate) else { continue };
        if is_new(&file, &known)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// What the file system says of a file whose name is one that rotation gives to `path`.
fn entry_of_rotation(path: &Path, entry: &DirEntry) -> Option<std::fs::Metadata> {
    if !is_rotated_name(path.file_name()?, &entry.file_name()) {
        return None;
    }
    entry.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// `app.log.1`, `app.log-20260131` or `app.log.2026-01-31T10`, but not `app.log.lock`: rotation numbers or dates.
fn is_rotated_name(name: &OsStr, candidate: &OsStr) -> bool {
    candidate.as_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| {
        rest.first().is_some_and(|first| matches!(first, b'.' | b'-')) && rest.iter().any(u8::is_ascii_digit)
    })
}

fn is_new(file: &File, known: &[FileIdentity]) -> io::Result<bool> {
    let mut magic = [0; 6];
    let count = file.read_at(&mut magic, 0)?;
    if is_compressed(&magic[..count]) {
        return Ok(false);
    }
    let identity = FileIdentity::of(file, u64::MAX)?;
    for known in known {
        if known.same_front(&identity) || known.fits(file)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotation_have_a_number_or_a_date() {
        let rotated = |candidate: &str| is_rotated_name(OsStr::new("app.log"), OsStr::new(candidate));
        assert!(rotated("app.log.1") && rotated("app.log-20260131") && rotated("app.log.2026-01-31"));
        assert!(!rotated("app.log") && !rotated("app.log.lock") && !rotated("app.log2") && !rotated("web.log.1"));
    }
}
