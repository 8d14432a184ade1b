//! Opening an input: plain, gzip, zstandard and xz, told apart by their first bytes.

use super::binding::Place;
use super::decode::{Damage, GZIP, GzipMembers, XzStreams, ZstdFrames};
use super::lines::ReadState;
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
    /// Reading failed.
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
    /// Compressed data cannot be decoded to their end.
    #[error(
        "{place}, behind line {line}: {error}; what was in front of that has been taken. Repair the file and give the \
         same command again: it goes on behind that line. Or leave the file out and begin with a new output folder"
    )]
    Damaged {
        /// Which input.
        place: String,
        /// Lines read before.
        line: u64,
        /// What the decoder says.
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

impl InputError {
    /// Why the line at `at` cannot be read.
    pub fn reading(place: &Place, at: ReadState, error: io::Error) -> Self {
        let place = place.to_string();
        if error.get_ref().is_some_and(|inner| inner.is::<Damage>()) {
            return Self::Damaged { place, line: at.line, error };
        }
        Self::Read { place, line: at.line, byte: at.byte, error }
    }
}

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
        return Ok(Box::new(GzipMembers::new(BufReader::new(whole))));
    }
    if kind.starts_with(ZSTD) {
        return Ok(Box::new(ZstdFrames::new(BufReader::new(whole))));
    }
    if kind == XZ {
        return Ok(Box::new(XzStreams::new(BufReader::new(whole))));
    }
    Ok(Box::new(whole))
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

    /// An xz file, in hexadecimal digits, of the cubes of 0 to 119, times 7919, modulo 100003, each on a line.
    const XZ_CUBES: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e002bf01b15d0018028349a9c9304f10cba959c2ea71cfac\
         6cffa68426160231497b388b0d4e039382a4f2945d5349504532f6924e07ad076c3733654e699b09ad3a4d98731f1ccf\
         68fb6d996a60b7b6c73437c2ec0e05da01708aaf2b6de6e74e4be86a38c0f492d5318cb91da0389395dc82be3c905944\
         786b819d95fe55b7af67808488e1c61861fbabf442cf350c1672832d32bb40e420f0cc0758af169ba6cdcee20796aef7\
         4ab73dfc20989021749a3f6e8fac64e5cfebd174bd318ad452168c3caf46a72f4a9c0d753fb687390aa17f0b02836447\
         ad0a9b03b91115a6c3107ba404dec6037b5f8350a1f31b46f0971be64da32015dad8da01e350ab443ce4956e973cd5cb\
         81f64820e3b70170440bf734f9282866221d3d93a2d550c0268144cdd9e44a3076680afd9b7036ea2438061389f4b408\
         bd1e3e5f7f09df2f4cbd7a8e38b6249a4a2e6b1d319effad1057e3f13b09a428c3cd28b6e813f52e7e96d25306eef348\
         8474051c9acad77caeee93dc1df480269c4581d04b6372550749c30563de5e29199dce762e9a81ceb0f59c10565797f3\
         e2c9820c808c1388f97a600cf5448c0aac320f1c8f48fd64056acb15937ebd54000000006c1acacec76500710001cd03\
         c00500008a8f0559b1c467fb020000000004595a";

    fn xz_cubes() -> (String, Vec<u8>) {
        let text = (0..120u64).map(|number| format!("{}\n", number * number * number * 7919 % 100_003)).collect();
        let digit = |at: usize| u8::from_str_radix(&XZ_CUBES[at..at + 2], 16).unwrap();
        (text, (0..XZ_CUBES.len()).step_by(2).map(digit).collect())
    }

    /// What a reader gives in front of an error, and the error.
    fn until_damage(bytes: Vec<u8>) -> (Vec<u8>, io::Error) {
        let mut text = Vec::new();
        let error = decompressed(Cursor::new(bytes)).unwrap().read_to_end(&mut text).unwrap_err();
        (text, error)
    }

    #[test]
    fn damaged_data_is_an_error_and_what_is_in_front_of_it_is_given() {
        let text: String =
            (0..100_000u64).map(|line| format!("{}\n", line.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
        for (text, mut file) in [(text.clone(), gzip(&text)), (text, zstd), xz_cubes()] {
            assert_eq!(all(file.clone()).unwrap(), text);
            file.truncate(file.len() / 2);
            let (given, error) = until_damage(file);
            assert!(given.len() > text.len() / 3, "{} of {}", given.len(), text.len());
            assert!(text.as_bytes().starts_with(&given));
            assert!(error.to_string().contains("damaged or cut off"), "{error}");
        }
    }

    #[test]
    fn what_is_behind_the_last_member_of_a_gzip_file_is_passed_over() {
        for behind in [&[0; 512][..], b"garbage"] {
            assert_eq!(all([&gzip("one\n"), &gzip("two\n"), behind].concat()).unwrap(), "one\ntwo\n");
        }
    }
}
