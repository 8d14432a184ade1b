//! Decoders of compressed inputs. What stands in front of damage is given first, the error comes behind it.

use std::io::{self, BufRead, Read};

/// Bytes that are decoded in one go. What a decoder loses when it comes upon damage is at most this much.
const STEP: usize = 16 * 1024;
/// First bytes of a gzip member.
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];
/// An empty last block of a zstandard frame, and room for its checksum.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Compressed data that cannot be decoded to their end; inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("the compressed data are damaged or cut off ({0})")]
pub struct Damage(String);

/// An error of a decoder: one of the system stays as it is, everything else is damage.
fn damaged(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Interrupted {
        return error;
    }
    io::Error::new(io::ErrorKind::InvalidData, Damage(error.to_string()))
}

/// All members of a gzip file. What is behind the last one and is no member is passed over, as gzip does.
pub(super) struct GzipMembers<R: BufRead> {
    inner: Option<R>,
    member: Option<flate2::bufread::GzDecoder<R>>,
    any: bool,
}

impl<R: BufRead> GzipMembers<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner: Some(inner), member: None, any: false }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = buffer.len().min(STEP);
        loop {
            if let Some(member) = &mut self.member {
                let read = member.read(&mut buffer[..step]).map_err(damaged)?;
                if read > 0 || step == 0 {
                    return Ok(read);
                }
            }
            if let Some(member) = self.member.take() {
                self.inner = Some(member.into_inner());
                self.any = true;
            }
            let Some(mut inner) = self.inner.take() else { return Ok(0) };
            let front = inner.fill_buf()?;
            let length = front.len().min(GZIP.len());
            if front.is_empty() || (self.any && front[..length] != GZIP[..length]) {
                return Ok(0);
            }
            self.member = Some(flate2::bufread::GzDecoder::new(inner));
        }
    }
}

/// All zstandard frames of a stream, one after the other (`cat a.zst b.zst` is a valid file).
pub(super) struct ZstdFrames<R: BufRead> {
    inner: Option<R>,
    frame: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
    /// What was decoded in front of damage, and the damage.
    rest: Option<(io::Cursor<Vec<u8>>, io::Error)>,
}

impl<R: BufRead> ZstdFrames<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner: Some(inner), frame: None, rest: None }
    }

    /// The decoder holds back a window of what it has decoded; a last block makes it give that too.
    fn give_up(&mut self, error: io::Error) {
        let mut decoded = Vec::new();
        if let Some(frame) = self.frame.take() {
            let (_, mut decoder) = frame.into_parts();
            let all = ruzstd::decoding::BlockDecodingStrategy::All;
            if decoder.decode_blocks(&LAST_BLOCK[..], all).is_ok() {
                decoded = decoder.collect().unwrap_or_default();
            }
        }
        self.rest = Some((io::Cursor::new(decoded), error));
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((decoded, error)) = &mut self.rest {
                return match decoded.read(buffer)? {
                    0 if !buffer.is_empty() => Err(damaged(match error.raw_os_error() {
                        Some(code) => io::Error::from_raw_os_error(code),
                        None => io::Error::new(error.kind(), error.to_string()),
                    })),
                    read => Ok(read),
                };
            }
            match self.frame.as_mut().map(|frame| frame.read(buffer)) {
                Some(Ok(read)) if read > 0 || buffer.is_empty() => return Ok(read),
                Some(Err(error)) => {
                    self.give_up(error);
                    continue;
                }
                _ => {}
            }
            if let Some(frame) = self.frame.take() {
                self.inner = Some(frame.into_inner());
            }
            let Some(mut inner) = self.inner.take() else { return Ok(0) };
            if inner.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(inner)
                .map_err(|error| damaged(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))?;
            self.frame = Some(frame);
        }
    }
}

/// All xz streams of a file.
pub(super) struct XzStreams<R: BufRead> {
    inner: R,
    stream: lzma_rust2::XzStream,
}

impl<R: BufRead> XzStreams<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, stream: lzma_rust2::XzStream::new(true) }
    }
}

impl<R: BufRead> Read for XzStreams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = buffer.len().min(STEP);
        loop {
            let front = self.inner.fill_buf()?;
            // First without a word about the end: then the decoder gives what it has.
            let given = self.stream.process(front, &mut buffer[..step], lzma_rust2::Action::Run).map_err(damaged)?;
            let at_end = front.is_empty();
            self.inner.consume(given.bytes_consumed);
            if given.bytes_produced > 0 || step == 0 || given.status == lzma_rust2::Status::StreamEnd {
                return Ok(given.bytes_produced);
            }
            if at_end {
                let last = self.stream.process(&[], &mut buffer[..step], lzma_rust2::Action::Finish);
                return Ok(last.map_err(damaged)?.bytes_produced);
            }
        }
    }
}
