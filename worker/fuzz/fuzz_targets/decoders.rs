//! Any bytes through every decoder, and any text as a pattern of the decoders that take one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logloom_chain::parse::decode::fuzz;

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice & 1 {
        0 => fuzz::decode_any(rest),
        _ => fuzz::compile_any(rest),
    }
});
