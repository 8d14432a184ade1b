//! The byte codec of the chain: varints, fixed integers, byte strings.
//!
//! Frames, link records and checkpoints are written with [`Writer`] and read with [`Reader`].
//! Encoding is canonical: one value has one encoding, so that equal states are equal bytes
//! (rule R12 compares hashes of checkpoints).
//!
//! A [`Reader`] never panics and never allocates more than its input justifies: a length that
//! exceeds the remaining input is an error before anything is reserved.

use thiserror::Error;

/// What can be wrong with encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// The input ended inside a value.
    #[error("input ends at byte {at}, inside a value")]
    Truncated {
        /// Bytes consumed before the value.
        at: usize,
    },
    /// A varint is longer than its type allows, or longer than its value needs.
    #[error("varint at byte {at} is too long")]
    Overlong {
        /// Where the varint starts.
        at: usize,
    },
    /// A value is outside its closed set (enum tag, boolean, version, magic number).
    #[error("byte {at}: {found} is not a valid {what}")]
    Invalid {
        /// Where the value stands.
        at: usize,
        /// What was expected.
        what: &'static str,
        /// What was found.
        found: u64,
    },
    /// The checksum does not fit the bytes.
    #[error("checksum is {found:016x}, the bytes give {computed:016x}")]
    Checksum {
        /// Written checksum.
        found: u64,
        /// Checksum of the bytes.
        computed: u64,
    },
}

/// Appends values to a byte buffer.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that goes on behind what `bytes` holds.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What has been written.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that fit without more memory.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the content and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// A boolean as 0 or 1.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// An unsigned LEB128 varint, 1 to 10 bytes.
    #[inline]
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A signed integer, zigzag then varint.
    #[inline]
    pub fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Eight bytes, little endian.
    #[inline]
    pub fn fixed64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Sixteen bytes, little endian.
    #[inline]
    pub fn fixed128(&mut self, value: u128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// The bits of a float, little endian.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        self.fixed64(value.to_bits());
    }

    /// A length and the bytes.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A length and the text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Bytes without a length.
    #[inline]
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// Presence, then the value.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// The raw buffer, for encoders that append to a `Vec<u8>`.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// Takes values from the front of a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { whole: bytes, at: 0 }
    }

    /// Bytes consumed.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.whole.len() - self.at
    }

    /// True at the end.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.whole[self.at..];
        self.at = self.whole.len();
        rest
    }

    /// `length` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when fewer are left.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.whole.len());
        let end = end.ok_or(WireError::Truncated { at: self.at })?;
        let taken = &self.whole[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn u8(&mut self) -> Result<u8, WireError> {
        let byte = *self.whole.get(self.at).ok_or(WireError::Truncated { at: self.at })?;
        self.at += 1;
        Ok(byte)
    }

    /// A boolean.
    ///
    /// # Errors
    /// [`WireError::Truncated`]; [`WireError::Invalid`] for anything but 0 and 1.
    pub fn bool(&mut self) -> Result<bool, WireError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.invalid("boolean", u64::from(other))),
        }
    }

    /// An unsigned varint.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::Overlong`].
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let start = self.at;
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                return Err(WireError::Overlong { at: start });
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // A last byte of zero says nothing: the shorter encoding is the only one.
                return if byte == 0 { Err(WireError::Overlong { at: start }) } else { Ok(value) };
            }
            shift += 7;
        }
    }

    /// A varint that must fit `usize` as a count of items of at least one byte each, so that
    /// a hostile count cannot make the caller reserve more than the input holds.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when the count exceeds the remaining bytes.
    pub fn count(&mut self) -> Result<usize, WireError> {
        let at = self.at;
        let count = self.varint()?;
        usize::try_from(count).ok().filter(|count| *count <= self.remaining()).ok_or(WireError::Truncated { at })
    }

    /// A signed integer.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn signed(&mut self) -> Result<i64, WireError> {
        let raw = self.varint()?;
        Ok(((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    /// A varint that must fit in 32 bits.
    ///
    /// # Errors
    /// As [`Reader::varint`]; [`WireError::Overlong`] above `u32::MAX`.
    #[inline]
    pub fn varint32(&mut self) -> Result<u32, WireError> {
        let at = self.at;
        u32::try_from(self.varint()?).map_err(|_| WireError::Overlong { at })
    }

    /// Eight bytes, little endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        let mut buffer = [0u8; 8];
        buffer.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(buffer))
    }

    /// Sixteen bytes, little endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn fixed128(&mut self) -> Result<u128, WireError> {
        let mut buffer = [0u8; 16];
        buffer.copy_from_slice(self.take(16)?);
        Ok(u128::from_le_bytes(buffer))
    }

    /// The bits of a float.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn f64(&mut self) -> Result<f64, WireError> {
        Ok(f64::from_bits(self.fixed64()?))
    }

    /// A length and the bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::Overlong`].
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let at = self.at;
        let length = usize::try_from(self.varint()?).map_err(|_| WireError::Overlong { at })?;
        self.take(length)
    }

    /// A length and UTF-8 text.
    ///
    /// # Errors
    /// As [`Reader::bytes`]; [`WireError::Invalid`] when it is not UTF-8.
    pub fn str(&mut self) -> Result<&'a str, WireError> {
        let at = self.at;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|error| WireError::Invalid {
            at: at + error.valid_up_to(),
            what: "UTF-8 text",
            found: bytes.len() as u64,
        })
    }

    /// Presence, then the value.
    ///
    /// # Errors
    /// Those of `read`, and of [`Reader::bool`].
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, WireError>) -> Result<Option<T>, WireError> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    /// Fails when input is left over.
    ///
    /// # Errors
    /// [`WireError::Invalid`].
    pub fn finish(&self) -> Result<(), WireError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(self.invalid("end of input", self.remaining() as u64))
    }

    /// An [`WireError::Invalid`] at the current position.
    pub fn invalid(&self, what: &'static str, found: u64) -> WireError {
        WireError::Invalid { at: self.at, what, found }
    }
}

/// State that can be written into a checkpoint and read back.
///
/// `save` is canonical (equal states give equal bytes, whatever the history of the maps inside),
/// and `load(save(x)) == x` for every later behaviour.
pub trait Snapshot: Sized {
    /// Appends the state.
    fn save(&self, out: &mut Writer);

    /// Reads what [`Snapshot::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    fn load(input: &mut Reader<'_>) -> Result<Self, WireError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_round_trip(unsigned: u64, signed: i64, wide: u128, bytes: Vec<u8>) {
            let mut out = Writer::new();
            out.varint(unsigned);
            out.signed(signed);
            out.fixed128(wide);
            out.bytes(&bytes);
            let mut input = Reader::new(out.as_slice());
            prop_assert_eq!(input.varint().unwrap(), unsigned);
            prop_assert_eq!(input.signed().unwrap(), signed);
            prop_assert_eq!(input.fixed128().unwrap(), wide);
            prop_assert_eq!(input.bytes().unwrap(), &bytes[..]);
            prop_assert!(input.finish().is_ok());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut input = Reader::new(&bytes);
            while input.varint().is_ok() {}
            let mut input = Reader::new(&bytes);
            while input.bytes().is_ok_and(|taken| !taken.is_empty()) {}
        }
    }

    #[test]
    fn a_length_beyond_the_input_is_refused_before_anything_is_reserved() {
        let mut out = Writer::new();
        out.varint(u64::MAX);
        assert!(matches!(Reader::new(out.as_slice()).bytes(), Err(WireError::Truncated { .. })));
        assert!(matches!(Reader::new(out.as_slice()).count(), Err(WireError::Truncated { .. })));
    }
}
