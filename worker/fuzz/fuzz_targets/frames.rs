//! Any bytes as a frame and as a checkpoint. The checksum is made right, so that what lies behind it is reached.
//! A frame that decodes gives everything that it says it holds, inside its range and in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logloom_chain::log::Frame;
use logloom_chain::log::checkpoint::Checkpoint;
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|data: &[u8]| {
    let mut bytes = b"LF\x01".to_vec();
    bytes.extend_from_slice(data);
    let checksum = xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    if let Ok(frame) = Frame::decode(&bytes) {
        assert_eq!(frame.records().count(), frame.record_count());
        assert_eq!(frame.fates().count(), frame.fate_count());
        let mut last = frame.from();
        for record in frame.records() {
            assert!(record.position >= last && record.position < frame.to());
            last = record.position;
        }
        if let Some(provisionals) = frame.claim().and_then(|claim| claim.provisionals) {
            assert_eq!(provisionals.iter().count(), provisionals.len());
        }
    }
    let mut checkpoint = data.to_vec();
    let checksum = xxh3_64(data);
    checkpoint.extend_from_slice(&checksum.to_le_bytes());
    let _ = Checkpoint::decode(&checkpoint);
    let _ = Checkpoint::decode(data);
    let _ = Frame::decode(data);
});
