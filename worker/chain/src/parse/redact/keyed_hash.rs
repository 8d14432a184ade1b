//! The keyed hash: equal values stay equal, and without the key nobody can try values.

use bumpalo::Bump;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Bytes of the HMAC that are kept: 128 bits, 32 hexadecimal digits.
const KEPT: usize = 16;

/// HMAC-SHA-256 with its key, cut to 128 bits. Its debug form does not show the key.
#[derive(Clone)]
pub(super) struct KeyedHash(Hmac<Sha256>);

impl fmt::Debug for KeyedHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyedHash")
    }
}

impl KeyedHash {
    /// With this key, of any length but zero.
    pub fn new(key: &[u8]) -> Option<Self> {
        if key.is_empty() {
            return None;
        }
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// The hash of a value as 32 hexadecimal digits.
    pub fn digits<'a>(&self, value: &[u8], arena: &'a Bump) -> &'a [u8] {
        let mut hmac = self.0.clone();
        hmac.update(value);
        let hash = hmac.finalize().into_bytes();
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 0xf)];
        arena.alloc_slice_fill_with(2 * KEPT, |place| {
            let byte = hash[place / 2];
            if place % 2 == 0 { digit(byte >> 4) } else { digit(byte) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha_256_cut_to_128_bits() {
        // RFC 4231, test case 2.
        let hash = KeyedHash::new(b"Jefe").unwrap();
        let arena = Bump::new();
        let digits = hash.digits(b"what do ya want for nothing?", &arena);
        assert_eq!(digits, b"5bdcc146bf60754e6a042426089575c7");
        assert!(KeyedHash::new(b"").is_none());
    }

    #[test]
    fn the_key_does_not_show() {
        assert_eq!(format!("{:?}", KeyedHash::new(b"a secret key")), "Some(KeyedHash)");
    }
}
