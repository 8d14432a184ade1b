//! Opening an input: plain, gzip, zstandard and xz, told apart by their first bytes.

use super::binding::Place;
use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an input cannot be read.
#[derive(Debug, Error)]
pub enum InputError {
    /// The file cannot be opened.
    #[error("cannot open {place}: {error}")]
    Open {
        /// Which input.
        place: String,
        /// The system's answer.
        error: io::Error,
    },
    /// Reading failed, or compressed data is damaged.
    #[error("cannot read {place} at line {line}, byte {byte}: {error}")]
    Read {
        /// Which input.
        place: String,
        /// Lines read before.
        line: u64,
        /// Bytes read before (of the decompressed stream).
        byte: u64,
        /// The system's or the decompressor's answer.
        error: io::Error,
    },
    /// The file is not the one that a checkpoint speaks of.
    #[error(
        "{path}: is not the file that the checkpoint was made with ({detail}); move the old file back, or begin with a new output folder"
    )]
    Replaced {
        /// The file.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// A compressed file is to be followed.
    #[error(
        "cannot follow {path}: it is compressed, and compressed files do not grow line by line; leave out --follow, or follow the file that is written uncompressed"
    )]
    FollowCompressed {
        /// The file.
        path: PathBuf,
    },
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

/// Whether a file that begins with these bytes is compressed.
pub fn is_compressed(head: &[u8]) -> bool {
    head.starts_with(GZIP) || head.starts_with(ZSTD) || head.starts_with(XZ)
}

/// Whether a file is compressed, by its first bytes.
///
/// # Errors
/// That of the system.
pub fn file_is_compressed(path: &Path) -> io::Result<bool> {
    let mut head = Vec::with_capacity(XZ.len());
    File::open(path)?.take(XZ.len() as u64).read_to_end(&mut head)?;
    Ok(is_compressed(&head))
}

/// A reader over the decompressed bytes of `place`.
///
/// # Errors
/// [`InputError::Open`].
pub fn open(place: &Place) -> Result<Box<dyn Read + Send>, InputError> {
    let fail = |error| InputError::Open { place: place.to_string(), error };
    match place {
        Place::Stdin => decompressed(io::stdin()).map_err(fail),
        Place::File(path) => File::open(path).and_then(decompressed).map_err(fail),
    }
}

/// Looks at the first bytes and puts the right decompressor in front.
pub(super) fn decompressed(mut source: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::with_capacity(XZ.len());
    source.by_ref().take(XZ.len() as u64).read_to_end(&mut head)?;
    let kind = head.clone();
    let whole: Chain<Cursor<Vec<u8>>, _> = Cursor::new(head).chain(source);
    if kind.starts_with(GZIP) {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(whole))));
    }
    if kind.starts_with(ZSTD) {
        return Ok(Box::new(ZstdFrames { inner: Some(BufReader::new(whole)), frame: None }));
    }
    if kind == XZ {
        return Ok(Box::new(lzma_rust2::XzReader::new(BufReader::new(whole), true)));
    }
    Ok(Box::new(whole))
}

/// All zstandard frames of a stream, one after the other (`cat a.zst b.zst` is a valid file).
struct ZstdFrames<R: io::BufRead> {
    inner: Option<R>,
    frame: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: io::BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.inner = Some(frame.into_inner());
            }
            let Some(mut inner) = self.inner.take() else { return Ok(0) };
            if inner.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(inner)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            self.frame = Some(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        decompressed(Cursor::new(bytes))?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(all(b"plain\n".to_vec()).unwrap(), "plain\n");
        assert_eq!(all(Vec::new()).unwrap(), "");
        assert_eq!(all([gzip("one\n"), gzip("two\n")].concat()).unwrap(), "one\ntwo\n");
        let zstd = |text: &str| {
            ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
        };
        assert_eq!(all([zstd("one\n"), zstd("two\n")].concat()).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn damaged_data_is_an_error_and_not_an_end() {
        let mut cut = gzip(&"line\n".repeat(10_000));
        cut.truncate(cut.len() / 2);
        assert!(all(cut).is_err());
    }
}
