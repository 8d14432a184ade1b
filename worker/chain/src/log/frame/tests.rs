use super::*;
use crate::log::fate::save_run;
use crate::log::fate::{Minute, Reason};
use crate::log::support::{U, pos, run};
use crate::wire::Writer;
use proptest::prelude::*;

fn header(from: Position, to: Position) -> Header {
    Header { upstream: Upstream(3), from, to, mark: EventTime(1_000) }
}

/// Any well-formed frame.
fn frames() -> impl Strategy<Value = FrameBytes> {
    let steps = prop::collection::vec((0u64..5, 0u32..4, prop::collection::vec(any::<u8>(), 0..40)), 0..20);
    let claims = prop::option::of((
        any::<i64>(),
        prop::option::of((prop::option::of(any::<i64>()), prop::collection::vec(any::<Vec<u8>>(), 0..4))),
    ));
    let fates = prop::collection::vec((0u64..3, 1u64..9, 0usize..4, 0i32..2), 0..6);
    (0u64..1 << 40, 0u32..3, steps, claims, fates, any::<i64>(), any::<u32>(), 0u32..3).prop_map(
        |(start, sub, steps, claim, fates, mark, upstream, tail)| {
            let from = Position::new(Offset(start), sub);
            let mut builder = FrameBuilder::new(header(from, from));
            builder.header.mark = EventTime(mark);
            builder.header.upstream = Upstream(upstream);
            builder.claim = claim.map(|(time, provisionals)| OwnedClaim {
                time: EventTime(time),
                provisionals: provisionals
                    .map(|(base, payloads)| OwnedProvisionals { base: base.map(EventTime), payloads }),
            });
            let mut at = from;
            for (offsets, subs, payload) in steps {
                let base = if offsets > 0 { Position::at(Offset(at.offset.0 + offsets)) } else { at };
                let position = Position::new(base.offset, base.sub + subs);
                builder = builder.record(position, &payload);
                at = Position::new(position.offset, position.sub + 1);
            }
            let mut offset = if sub > 0 { start + 1 } else { start };
            let mut runs = crate::log::fate::FateRuns::default();
            for (skip, count, reason, minute) in fates {
                offset += skip;
                let run =
                    FateRun { offset: Offset(offset), count, reason: Reason::ALL[reason], minute: Minute(minute) };
                runs.push(run);
                offset += count;
            }
            let to = at.max(Position::at(Offset(offset)));
            builder.fates = runs.iter().copied().collect();
            builder.header.to = Position::new(to.offset, to.sub + tail);
            builder.finish()
        },
    )
}

/// Encodes again what a frame says.
fn again(frame: &Frame<'_>) -> FrameBytes {
    match frame.control() {
        Some(Control::Seal) => return FrameBuilder::seal(),
        Some(Control::Close(cuts)) => return FrameBuilder::close(&cuts.iter().collect::<Vec<_>>()),
        None => {}
    }
    let mut builder = FrameBuilder::new(frame.header());
    if let Some(claim) = frame.claim() {
        let owned = |all: Provisionals<'_>| OwnedProvisionals {
            base: all.base,
            payloads: all.iter().map(<[u8]>::to_vec).collect(),
        };
        builder = builder.claim(OwnedClaim { time: claim.time, provisionals: claim.provisionals.map(owned) });
    }
    builder = frame.fates().fold(builder, FrameBuilder::fate);
    builder = frame.records().fold(builder, |builder, record| builder.record(record.position, record.payload));
    builder.finish()
}

proptest! {
    #[test]
    fn a_frame_round_trips(bytes in frames()) {
        let frame = bytes.decode().unwrap();
        prop_assert_eq!(frame.records().count(), frame.record_count());
        prop_assert_eq!(frame.fates().count(), frame.fate_count());
        prop_assert_eq!(frame.fingerprint(), bytes.fingerprint());
        prop_assert_eq!(again(&frame), bytes.clone());
        let trusted = Frame::decode_trusted(bytes.as_slice()).unwrap();
        prop_assert_eq!(again(&trusted), bytes);
    }

    /// Whatever decodes has exactly one encoding; whatever does not, is an error and no panic.
    #[test]
    fn arbitrary_bytes_never_panic_and_decode_canonically(
        bytes in frames(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        kind in 0u8..4,
        tail: Vec<u8>,
    ) {
        let mut body = bytes.as_slice()[..bytes.len() - CHECKSUM_BYTES].to_vec();
        for (index, byte) in damage {
            let at = index.index(body.len());
            body[at] = byte;
        }
        if kind == 3 {
            body.extend_from_slice(&tail);
        }
        let checked = finish_frame(Writer::from_vec(body));
        if let Ok(frame) = checked.decode() {
            prop_assert_eq!(again(&frame), checked.clone());
        }
        let _ = Frame::decode(&tail);
        let _ = Frame::decode_trusted(&tail);
    }

    #[test]
    fn every_flipped_bit_is_found(bytes in frames(), index: prop::sample::Index, bit in 0u8..8) {
        let mut damaged = bytes.as_slice().to_vec();
        let at = index.index(damaged.len());
        damaged[at] ^= 1 << bit;
        prop_assert!(Frame::decode(&damaged).is_err());
    }
}

#[test]
fn control_entries_round_trip() {
    assert_eq!(FrameBuilder::seal().decode().unwrap().control(), Some(Control::Seal));
    let cuts = [(Upstream(0), Offset(7)), (Upstream(9), Offset(0))];
    let bytes = FrameBuilder::close(&cuts);
    let Some(Control::Close(decoded)) = bytes.decode().unwrap().control() else { panic!("a close") };
    assert_eq!(decoded.iter().collect::<Vec<_>>(), cuts);
    let unordered = FrameBuilder::close(&[cuts[1], cuts[0]]);
    assert!(matches!(unordered.decode(), Err(FrameError::Order { what: "cut", .. })));
}

#[test]
fn records_and_fates_outside_the_range_are_refused() {
    let empty = || FrameBuilder::new(header(pos(5, 2), pos(9, 1)));
    let refused = |builder: FrameBuilder, what| match builder.finish().decode().map(|frame| frame.header()) {
        Err(FrameError::Order { what: found, .. }) => assert_eq!(found, what),
        other => panic!("{other:?}"),
    };
    refused(empty().record(pos(5, 1), b""), "record");
    refused(empty().record(pos(9, 1), b""), "record");
    refused(empty().record(pos(6, 3), b"").record(pos(6, 3), b""), "record");
    refused(empty().fate(run(5, 1, Reason::Empty)), "fate");
    refused(empty().fate(run(9, 2, Reason::Empty)), "fate");
    refused(empty().fate(run(6, 1, Reason::Empty)).fate(run(7, 1, Reason::Empty)), "fate");
    refused(FrameBuilder::new(header(pos(5, 2), pos(5, 1))), "range");
    let frame = empty().record(pos(5, 2), b"").record(pos(9, 0), b"").fate(run(6, 4, Reason::Empty)).finish();
    assert!(frame.decode().is_ok());
}

#[test]
fn another_version_is_named() {
    let mut body = b"LF".to_vec();
    body.extend([2, DATA]);
    let frame = finish_frame(Writer::from_vec(body));
    assert_eq!(frame.decode().map(|frame| frame.header()), Err(FrameError::Version { found: 2 }));
    let other = finish_frame(Writer::from_vec(b"XY12".to_vec()));
    assert_eq!(other.decode().map(|frame| frame.header()), Err(FrameError::Magic { found: *b"XY" }));
}

/// Counts in hostile bytes reserve nothing.
#[test]
fn a_hostile_count_is_refused() {
    let mut out = begin_frame(header(pos(0, 0), pos(1, 0)), None, &[], 0);
    out.varint(u64::MAX >> 1);
    assert!(matches!(finish_frame(out).decode(), Err(FrameError::Wire(WireError::Truncated { .. }))));
}

#[test]
fn the_bounds_of_header_and_fate_hold() {
    let far = Position::new(Offset(u64::MAX), u32::MAX);
    let header = Header { upstream: Upstream(u32::MAX), from: far, to: far, mark: EventTime::MIN };
    let claim = OwnedClaim { time: EventTime::MIN, provisionals: None };
    let frame = FrameBuilder::new(header).claim(claim).finish();
    assert!(frame.len() <= MAX_HEADER_BYTES);
    let run =
        FateRun { offset: Offset(u64::MAX / 2), count: u64::MAX / 2, reason: Reason::Gap, minute: Minute(i32::MIN) };
    let mut out = Writer::new();
    save_run(&run, Offset(0), &mut out);
    assert!(out.len() <= MAX_FATE_BYTES);
}

/// The format is a contract with what lies in logs: a change of these bytes is a new version.
#[test]
fn the_format_is_stable() {
    let frame = FrameBuilder::new(Header { upstream: U, from: pos(40, 0), to: pos(43, 2), mark: EventTime(-5) })
        .claim(OwnedClaim { time: EventTime(9), provisionals: None })
        .fate(run(41, 2, Reason::Filtered))
        .record(pos(40, 0), b"one")
        .record(pos(43, 1), b"two")
        .finish();
    let hex: String = frame.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!("frame_bytes", hex);
}
