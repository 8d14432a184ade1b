use super::*;
use crate::log::frame::{Frame, FrameBuilder};
use crate::log::support::{Reader as Log, U, link, pos, sender};
use proptest::prelude::*;

const ONE: OutletIndex = OutletIndex(0);
const BIG: usize = 1 << 20;

fn links() -> Vec<LinkSpec> {
    vec![link("joins", 2, true), link("deadletter", 1, false)]
}

fn step(out: &mut Outputs, at: u64, mark: i64, records: usize) {
    out.begin(Offset(at));
    for number in 0..records {
        out.emit(ONE, format!("{at}.{number}").as_bytes());
    }
    out.end(Offset(at + 1), EventTime(mark));
}

fn positions(frame: &Frame<'_>) -> Vec<Position> {
    frame.records().map(|record| record.position).collect()
}

/// R1: positions are numbered per outlet within a step.
#[test]
fn positions_are_numbered_per_outlet_within_a_step() {
    let mut out = sender(&links(), Rules::ALL);
    let dead = out.outlet(1, 0);
    out.begin(Offset(4));
    assert_eq!(out.emit(ONE, b"a"), pos(4, 0));
    assert_eq!(out.emit(dead, b"b"), pos(4, 0));
    assert_eq!(out.emit_with(ONE, |payload| payload.str("c")), pos(4, 1));
    out.end(Offset(5), EventTime(9));
    out.begin(Offset(7));
    assert_eq!(out.emit(ONE, b"d"), pos(7, 0));
    out.end(Offset(8), EventTime(9));
    let cut = out.cut(ONE, BIG);
    let frame = cut.bytes.decode().unwrap();
    assert_eq!((frame.from(), frame.to(), frame.mark()), (pos(0, 0), pos(8, 0), EventTime(9)));
    assert_eq!(positions(&frame), [pos(4, 0), pos(4, 1), pos(7, 0)]);
    assert_eq!(frame.records().last().unwrap().payload, b"d");
}

/// R1, H3b: a frame that ends inside a step carries the marks of before it.
#[test]
fn a_frame_that_ends_inside_a_step_carries_earlier_marks() {
    for (rules, mark) in [(Rules::ALL, 100), (Rules::ALL.without(Rule::MarksBeforeStep), 900)] {
        let mut out = sender(&links(), rules);
        step(&mut out, 0, 100, 1);
        out.cut(ONE, BIG);
        step(&mut out, 1, 900, 20);
        out.claim(LogEndClaim { end: Offset(2), time: EventTime(5_000) });
        let first = out.cut(ONE, MAX_HEADER_BYTES + 60);
        let frame = first.bytes.decode().unwrap();
        assert!(frame.to() > pos(1, 0) && frame.to() < pos(2, 0), "{}", frame.to());
        assert_eq!(frame.mark(), EventTime(mark));
        assert!(frame.claim().is_none(), "nor a claim");
        let rest = out.cut(ONE, BIG);
        let frame = rest.bytes.decode().unwrap();
        assert_eq!((frame.from(), frame.to(), frame.mark()), (first.to, pos(2, 0), EventTime(900)));
        assert_eq!(frame.claim().unwrap().time, EventTime(5_000));
    }
}

/// R3: a claim rides only on frames that end at or behind the log end it was made at.
#[test]
fn a_claim_waits_for_its_log_end() {
    let mut out = sender(&links(), Rules::ALL);
    step(&mut out, 0, 100, 1);
    out.claim(LogEndClaim { end: Offset(3), time: EventTime(700) });
    assert!(out.cut(ONE, BIG).bytes.decode().unwrap().claim().is_none());
    assert_eq!(out.due(ONE), Due::Nothing);
    out.covered(Offset(1)..Offset(3), Reason::Gap);
    assert_eq!(out.cut(ONE, BIG).bytes.decode().unwrap().claim().unwrap().time, EventTime(700));
}

/// R25: a link whose claims rely on provisionals never carries one without them, nor an outdated set.
#[test]
fn reliant_claims_go_with_their_provisionals_as_of_here() {
    let mut spec = link("panes", 1, true);
    spec.provisionals = true;
    let mut out = sender(&[spec], Rules::ALL);
    step(&mut out, 0, 100, 0);
    out.claim(LogEndClaim { end: Offset(1), time: EventTime(700) });
    assert!(out.cut(ONE, BIG).bytes.decode().unwrap().claim().is_none());
    let set = || OwnedProvisionals { base: None, payloads: vec![b"open".to_vec()] };
    out.claim_with(ONE, EventTime(650), set());
    assert_eq!(out.due(ONE), Due::Mark);
    let cut = out.cut(ONE, BIG);
    let claim = cut.bytes.decode().unwrap().claim().unwrap();
    assert_eq!((claim.time, claim.provisionals.unwrap().len()), (EventTime(650), 1));
    out.claim_with(ONE, EventTime(660), set());
    step(&mut out, 1, 100, 1);
    assert!(out.cut(ONE, BIG).bytes.decode().unwrap().claim().is_none(), "the content is outdated");
}

/// R15: the first frame covers everything before the origin.
#[test]
fn the_first_frame_covers_what_is_before_the_origin() {
    let mut out = Outputs::begin_at(U, &links(), Offset(60), Rules::ALL);
    let cut = out.cut(ONE, BIG);
    let frame = cut.bytes.decode().unwrap();
    assert_eq!((frame.from(), frame.to()), (pos(0, 0), pos(60, 0)));
    let fates: Vec<_> = frame.fates().map(|run| (run.offset.0, run.count, run.reason)).collect();
    assert_eq!(fates, [(0, 60, Reason::BeforeStart)]);
    let other = out.cut(out.outlet(0, 1), BIG);
    assert_eq!(other.bytes.decode().unwrap().fate_count(), 0, "counted once");
    assert_eq!(other.to, pos(60, 0));
}

/// R20: each fate belongs to exactly one outlet, given by the offset.
#[test]
fn each_fate_goes_to_one_outlet() {
    let mut out = sender(&links(), Rules::ALL);
    for offset in 0..200 {
        out.begin(Offset(offset));
        out.fate(Reason::Filtered, Minute(3));
        out.end(Offset(offset + 1), EventTime(0));
    }
    let mut counted = vec![0; 200];
    let mut runs = 0;
    for outlet in out.indices().collect::<Vec<_>>() {
        let cut = out.cut(outlet, BIG);
        for run in cut.bytes.decode().unwrap().fates() {
            runs += 1;
            (run.offset.0..run.end().0).for_each(|offset| counted[offset as usize] += 1);
        }
    }
    assert!(counted.iter().all(|times| *times == 1));
    assert_eq!(runs, 4, "blocks keep the lists short");
}

/// R9: a checkpoint waits for a contiguous prefix of acknowledgements on every outlet.
#[test]
fn coverage_is_a_contiguous_prefix_on_every_outlet() {
    for (rules, early) in [(Rules::ALL, false), (Rules::ALL.without(Rule::CoverageContiguous), true)] {
        let mut out = sender(&links(), rules);
        let all: Vec<OutletIndex> = out.indices().collect();
        step(&mut out, 0, 0, 1);
        let first: Vec<CutFrame> = all.iter().map(|outlet| out.cut(*outlet, BIG)).collect();
        step(&mut out, 1, 0, 1);
        let second: Vec<CutFrame> = all.iter().map(|outlet| out.cut(*outlet, BIG)).collect();
        for (outlet, cut) in all.iter().zip(&second) {
            out.acked(*outlet, cut.sequence);
        }
        assert_eq!(out.is_covered(Offset(2)), early, "behind an unacknowledged frame");
        for (outlet, cut) in all.iter().zip(&first).skip(1) {
            out.acked(*outlet, cut.sequence);
        }
        assert_eq!(out.is_covered(Offset(1)), early, "one outlet is missing");
        out.acked(all[0], first[0].sequence);
        assert!(out.is_covered(Offset(2)) && out.unacked() == 0);
    }
}

/// R10: everything from the first unacknowledged frame goes out again, in order.
#[test]
fn a_resend_repeats_everything_from_the_first_unacknowledged_frame() {
    for (rules, expected) in [(Rules::ALL, vec![2, 3]), (Rules::ALL.without(Rule::ResendAcked), vec![2])] {
        let mut out = sender(&links(), rules);
        for at in 0..3 {
            step(&mut out, at, 0, 1);
            out.cut(ONE, BIG);
        }
        out.acked(ONE, 0);
        out.acked(ONE, 2);
        let again: Vec<u64> = out.resend(ONE).iter().map(|cut| cut.to.offset.0).collect();
        assert_eq!(again, expected);
        out.acked(ONE, 2);
        assert_eq!(out.unacked(), 2, "old numbers acknowledge nothing");
    }
}

#[test]
fn a_feedback_link_has_a_number_of_its_own() {
    let mut out = sender(&links(), Rules::ALL).sending_as(1, Upstream(9));
    step(&mut out, 0, 5, 1);
    let upstream = |cut: CutFrame| cut.bytes.decode().unwrap().upstream();
    assert_eq!(upstream(out.cut(OutletIndex(1), BIG)), U);
    assert_eq!(upstream(out.cut(OutletIndex(2), BIG)), Upstream(9));
}

#[test]
fn due_tells_records_from_marks_from_nothing() {
    let mut out = sender(&links(), Rules::ALL);
    assert_eq!(out.due(ONE), Due::Nothing);
    step(&mut out, 0, 5, 0);
    assert_eq!(out.due(ONE), Due::Mark);
    step(&mut out, 1, 5, 1);
    assert_eq!(out.due(ONE), Due::Records);
    out.cut(ONE, BIG);
    assert_eq!(out.due(ONE), Due::Nothing);
    let heartbeat = out.cut(ONE, BIG);
    assert_eq!(heartbeat.bytes.decode().unwrap().from(), heartbeat.to);
}

#[test]
fn a_resumed_task_sends_from_its_checkpoint() {
    let mut out = Outputs::resume(U, &links(), Offset(9), EventTime(50), Rules::ALL);
    assert!(out.is_covered(Offset(9)));
    step(&mut out, 9, 60, 1);
    let cut = out.cut(ONE, BIG);
    assert_eq!(cut.bytes.decode().unwrap().from(), pos(9, 0));
}

proptest! {
    /// R24, R1: whatever steps emit and however small frames are, they are bounded, tile the range, and hold every
    /// record and fate once at its position.
    #[test]
    fn any_cuts_are_bounded_and_tile(
        steps in prop::collection::vec((0usize..12, 0usize..60, any::<bool>(), prop::option::of(60usize..400)), 1..25),
        last in 60usize..400,
        skips in prop::collection::vec(0u64..3, 25),
    ) {
        let mut out = sender(&[link("joins", 1, true)], Rules::ALL);
        let mut expected = vec![];
        let mut fates = vec![];
        let mut cuts = vec![];
        let mut at = 0;
        for ((records, size, dropped, cut), skip) in steps.iter().zip(&skips) {
            at += skip;
            out.begin(Offset(at));
            for number in 0..*records {
                let payload = vec![number as u8; *size];
                expected.push((pos(at, number as u32), payload.clone()));
                out.emit(ONE, &payload);
            }
            if *dropped {
                fates.push(at);
                out.fate(Reason::Filtered, Minute((at % 2) as i32));
            }
            at += 1;
            out.end(Offset(at), EventTime(at as i64));
            if let Some(bound) = cut {
                cuts.push((out.cut(ONE, MAX_HEADER_BYTES + bound), *bound));
            }
        }
        while out.due(ONE) != Due::Nothing {
            cuts.push((out.cut(ONE, MAX_HEADER_BYTES + last), last));
        }
        let mut log = Log::new(Rules::ALL);
        let mut next = Position::START;
        for (cut, bound) in &cuts {
            let frame = cut.bytes.decode().unwrap();
            prop_assert_eq!((frame.from(), frame.to()), (next, cut.to));
            let alone = frame.record_count() <= 1 && frame.fate_count() <= 1;
            prop_assert!(alone || cut.bytes.len() <= MAX_HEADER_BYTES + bound);
            let whole = frame.to().sub == 0 && frame.mark() >= EventTime(frame.to().offset.0 as i64);
            prop_assert!(whole || frame.mark() <= EventTime(frame.from().offset.0 as i64));
            next = cut.to;
            log.fold(&cut.bytes);
        }
        let got: Vec<_> = log.diary.records.into_iter().map(|(_, at, payload)| (at, payload)).collect();
        prop_assert_eq!(got, expected);
        let counted: Vec<u64> = log.diary.fates.iter().flat_map(|(_, run)| run.offset.0..run.end().0).collect();
        prop_assert_eq!(counted, fates);
    }
}

/// The outlet's own encoding is the builder's.
#[test]
fn cut_frames_are_canonical() {
    let mut out = sender(&links(), Rules::ALL);
    step(&mut out, 3, 7, 2);
    let cut = out.cut(ONE, BIG);
    let frame = cut.bytes.decode().unwrap();
    let builder = FrameBuilder::new(frame.header());
    let again = frame.records().fold(builder, |builder, record| builder.record(record.position, record.payload));
    assert_eq!(again.finish(), cut.bytes);
}
