//! Each counter-example of the protocol's document that a receiver can show, with the rule and without it.

use super::*;
use crate::log::fate::Reason;
use crate::log::frame::{FrameBuilder, FrameBytes, Header, OwnedClaim, OwnedProvisionals};
use crate::log::position::Offset;
use crate::log::support::{Reader as Log, U, V, claiming, frame, pos, run};
use proptest::prelude::*;

const ALL: Rules = Rules::ALL;

fn without(rule: Rule) -> Rules {
    ALL.without(rule)
}

/// Records whose payload is their event time.
fn timed(u: Upstream, from: u64, to: u64, mark: i64, times: &[i64]) -> FrameBytes {
    let builder = FrameBuilder::new(Header { upstream: u, from: pos(from, 0), to: pos(to, 0), mark: EventTime(mark) });
    let records = times.iter().zip(from..);
    records.fold(builder, |builder, (time, at)| builder.record(pos(at, 0), time.to_string().as_bytes())).finish()
}

/// R2.1, R14: a frame from beyond `next` brings neither records nor marks.
#[test]
fn a_gap_takes_nothing() {
    let mut log = Log::new(ALL);
    log.fold(&frame(U, pos(0, 0), pos(5, 0), 10, &[pos(3, 0)]));
    log.fold(&frame(V, pos(0, 0), pos(5, 0), 10, &[]));
    let received = log.fold(&frame(U, pos(7, 0), pos(9, 0), 99, &[pos(8, 0)]));
    assert_eq!(received.outcome, Outcome::Gap { from: pos(7, 0) });
    assert_eq!(received.next, pos(5, 0));
    assert_eq!(log.taken(), [pos(3, 0)]);
    assert_eq!(log.receiver.cursor(U).unwrap().mark, EventTime(10));
    log.fold(&frame(U, pos(5, 0), pos(9, 0), 99, &[pos(6, 0), pos(8, 0)]));
    assert_eq!(log.taken(), [pos(3, 0), pos(6, 0), pos(8, 0)]);
}

#[test]
fn without_the_gap_rule_records_are_lost() {
    let mut log = Log::new(without(Rule::GapTakesNothing));
    log.fold(&frame(U, pos(0, 0), pos(5, 0), 10, &[]));
    log.fold(&frame(U, pos(7, 0), pos(9, 0), 99, &[pos(8, 0)]));
    log.fold(&frame(U, pos(5, 0), pos(9, 0), 99, &[pos(6, 0), pos(8, 0)]));
    assert_eq!(log.taken(), [pos(8, 0)], "6 never comes");
}

/// H1: a silent source at next = 53; its heartbeats [53, 53) have `to <= next`.
#[test]
fn marks_of_repeats_move_time() {
    let heartbeat = |mark| frame(U, pos(53, 0), pos(53, 0), mark, &[]);
    for (rules, time) in [(ALL, 900), (without(Rule::MarksFromRepeats), 10)] {
        let mut log = Log::new(rules);
        log.fold(&frame(V, pos(0, 0), pos(1, 0), 10_000, &[]));
        log.fold(&frame(U, pos(0, 0), pos(53, 0), 10, &[]));
        assert_eq!(log.fold(&heartbeat(900)).outcome, Outcome::Repeat);
        assert_eq!(log.receiver.time(), EventTime(time));
    }
}

/// H3: one step's output over two frames; with offsets only, the second one looks like a repeat.
#[test]
fn a_step_may_be_split_over_frames() {
    let first = |to| frame(U, pos(36, 0), to, 0, &[pos(36, 0), pos(36, 1)]);
    let mut log = Log::new(ALL);
    log.fold(&frame(U, pos(0, 0), pos(36, 0), 0, &[]));
    log.fold(&first(pos(36, 2)));
    let received = log.fold(&frame(U, pos(36, 2), pos(37, 0), 0, &[pos(36, 2)]));
    assert_eq!(received.outcome, Outcome::Taken { partial: false, records: 1 });
    assert_eq!(log.taken(), [pos(36, 0), pos(36, 1), pos(36, 2)]);

    let mut log = Log::new(without(Rule::SubPositions));
    log.fold(&frame(U, pos(0, 0), pos(36, 0), 0, &[]));
    log.fold(&first(pos(37, 0)));
    log.fold(&frame(U, pos(36, 0), pos(37, 0), 0, &[pos(36, 2)]));
    assert_eq!(log.taken(), [pos(36, 0), pos(36, 1)], "the third output is lost");
}

/// H5d: the frame behind a backlog carries a mark above its own records.
#[test]
fn time_moves_behind_the_records() {
    for (rules, late) in [(ALL, vec![]), (without(Rule::TimeLast), vec![500, 700])] {
        let mut log = Log::new(rules);
        log.fold(&timed(V, 0, 1, 10_000, &[10_000]));
        log.fold(&timed(U, 0, 1, 100, &[100]));
        log.fold(&timed(U, 1, 3, 900, &[500, 700]));
        assert_eq!(log.diary.late, late);
    }
}

/// H5b: U speaks first; V is in the plan and has not been heard of.
#[test]
fn time_waits_for_known_upstreams() {
    for (rules, late) in [(ALL, vec![]), (without(Rule::KnownUpstreams), vec![300])] {
        let mut log = Log::new(rules);
        log.fold(&timed(U, 0, 1, 900, &[1_000]));
        log.fold(&timed(V, 0, 1, 200, &[300]));
        assert_eq!(log.diary.late, late);
        assert_eq!(log.receiver.time(), if late.is_empty() { EventTime(200) } else { EventTime(900) });
    }
}

/// H5: V's owner dies right behind a claim at its log's end; U runs on; V's backlog comes.
#[test]
fn an_idle_upstream_is_not_left_out() {
    for (rules, late) in [(ALL, vec![]), (without(Rule::IdleStays), vec![600])] {
        let mut log = Log::new(rules);
        log.fold(&timed(U, 0, 1, 90, &[100]));
        log.fold(&claiming(V, pos(0, 0), pos(0, 0), 0, OwnedClaim { time: EventTime(95), provisionals: None }));
        log.fold(&timed(U, 1, 2, 900, &[1_000]));
        log.fold(&timed(V, 0, 1, 500, &[600]));
        assert_eq!(log.diary.late, late);
    }
}

/// R3: a claim without provisionals merges like a mark, also from a repeat.
#[test]
fn a_plain_claim_moves_time() {
    let mut log = Log::new(ALL);
    log.fold(&timed(V, 0, 1, 10_000, &[]));
    log.fold(&timed(U, 0, 4, 10, &[]));
    log.fold(&claiming(U, pos(2, 0), pos(3, 0), 5, OwnedClaim { time: EventTime(70), provisionals: None }));
    assert_eq!(log.receiver.time(), EventTime(70));
}

/// R4: a new source partition joins at its first accepted frame; a removed one leaves by its `closed` mark.
#[test]
fn upstreams_come_and_go() {
    let new = Upstream(40);
    let mut log = Log::new(ALL);
    log.fold(&timed(U, 0, 1, 50, &[]));
    log.fold(&timed(V, 0, 1, 50, &[]));
    assert_eq!(log.fold(&timed(new, 3, 4, 90, &[])).outcome, Outcome::Gap { from: pos(3, 0) });
    assert!(log.receiver.cursor(new).is_none());
    log.fold(&timed(new, 0, 4, 60, &[]));
    log.fold(&timed(U, 1, 2, 80, &[]));
    log.fold(&timed(V, 1, 2, 80, &[]));
    assert_eq!(log.receiver.time(), EventTime(60));
    log.fold(&timed(new, 4, 4, i64::MAX, &[]));
    assert_eq!(log.receiver.time(), EventTime(80));
}

/// Feedback links bring records but do not hold time.
#[test]
fn untimed_upstreams_do_not_hold_time() {
    let mut log = Log::new(ALL);
    log.receiver = Receiver::new([(U, true), (V, false)], ALL);
    log.fold(&timed(U, 0, 1, 50, &[]));
    assert_eq!(log.receiver.time(), EventTime(50));
    log.fold(&timed(V, 0, 1, 3, &[7]));
    assert_eq!((log.receiver.time(), log.taken()), (EventTime(50), vec![pos(0, 0)]));
}

/// R6: an open assembly holds its upstream's watermark.
#[test]
fn an_open_assembly_holds_time() {
    for (rules, time) in [(ALL, 40), (without(Rule::AssemblyHolds), 90)] {
        let mut log = Log::new(rules);
        log.diary.hold = Some(EventTime(40));
        log.fold(&timed(U, 0, 1, 90, &[]));
        log.fold(&timed(V, 0, 1, 90, &[]));
        assert_eq!(log.receiver.time(), EventTime(time));
    }
}

/// H7: frame [0, 10) with one fate; the receiver already has [0, 6).
#[test]
fn fates_are_counted_behind_the_receive_rule() {
    let with_fates = |from, to, run| {
        FrameBuilder::new(Header { upstream: U, from: pos(from, 0), to: pos(to, 0), mark: EventTime(0) })
            .fate(run)
            .finish()
    };
    for (rules, counted) in [(ALL, 10), (without(Rule::CountAfterReceive), 16)] {
        let mut log = Log::new(rules);
        log.fold(&with_fates(0, 6, run(0, 6, Reason::Filtered)));
        log.fold(&with_fates(0, 10, run(0, 10, Reason::Filtered)));
        log.fold(&with_fates(0, 10, run(0, 10, Reason::Filtered)));
        assert_eq!(log.diary.fates.iter().map(|(_, run)| run.count).sum::<u64>(), counted);
    }
}

/// R25.4: a claim that relies on provisionals is accepted at `to == next` with them, or not at all.
#[test]
fn a_reliant_claim_is_taken_at_next_or_not_at_all() {
    let claim = |time| OwnedClaim {
        time: EventTime(time),
        provisionals: Some(OwnedProvisionals { base: None, payloads: vec![b"pane".to_vec()] }),
    };
    for (rules, mark) in [(ALL, 10), (without(Rule::ClaimAtNext), 1_812)] {
        let mut log = Log::new(rules);
        log.fold(&timed(U, 0, 68, 10, &[]));
        log.fold(&claiming(U, pos(62, 0), pos(67, 0), 5, claim(1_812)));
        assert_eq!(log.receiver.cursor(U).unwrap().mark, EventTime(mark));
        assert!(log.diary.provisionals.is_empty());
        log.fold(&claiming(U, pos(66, 0), pos(68, 0), 5, claim(1_900)));
        assert_eq!(log.receiver.cursor(U).unwrap().mark, EventTime(1_900));
        assert_eq!(log.diary.provisionals, [(pos(68, 0), 1_900, 1)]);
    }
}

/// R25.3: a claim that names a base needs an accepted claim at the same position.
#[test]
fn a_claim_with_a_base_needs_that_base() {
    let provisionals = Some(OwnedProvisionals { base: Some(EventTime(50)), payloads: vec![] });
    let mut log = Log::new(ALL);
    log.fold(&timed(U, 0, 4, 10, &[]));
    log.fold(&claiming(U, pos(4, 0), pos(4, 0), 10, OwnedClaim { time: EventTime(70), provisionals }));
    assert_eq!(log.receiver.cursor(U).unwrap().mark, EventTime(10));
}

/// R22: a sealed log takes nothing; a closing one is clipped at the cut and leaves clipped marks alone.
#[test]
fn seal_freezes_and_close_clips() {
    let mut log = Log::new(ALL);
    log.fold(&timed(U, 0, 4, 10, &[1, 2, 3, 4]));
    assert_eq!(log.fold(&FrameBuilder::seal()).outcome, Outcome::Control);
    assert_eq!(log.fold(&timed(U, 4, 6, 90, &[5, 6])).outcome, Outcome::Sealed);
    assert_eq!(log.fold(&timed(U, 2, 4, 90, &[3, 4])).outcome, Outcome::Sealed, "marks neither");
    log.fold(&FrameBuilder::close(&[(U, Offset(6)), (V, Offset(1))]));
    log.fold(&FrameBuilder::seal());
    assert!(!log.receiver.is_finished());
    let received = log.fold(&timed(U, 3, 9, 90, &[4, 5, 6, 7, 8, 9]));
    assert_eq!(received.next, pos(6, 0));
    assert_eq!(log.taken().len(), 6);
    assert_eq!(log.receiver.cursor(U).unwrap().mark, EventTime(10));
    log.fold(&timed(V, 0, 1, 20, &[1]));
    assert!(log.receiver.is_finished());
    assert_eq!(log.fold(&timed(V, 1, 2, 99, &[2])).outcome, Outcome::Sealed);
    let carried = log.receiver.carried();
    assert_eq!(carried.cursor(U).unwrap().next, Position::START);
    assert_eq!((carried.time(), carried.phase()), (log.receiver.time(), &Phase::Open));
}

#[test]
fn without_the_clip_the_old_generation_takes_what_the_new_one_reads() {
    let mut log = Log::new(without(Rule::Clip));
    log.fold(&FrameBuilder::seal());
    log.fold(&FrameBuilder::close(&[(U, Offset(2))]));
    log.fold(&timed(U, 0, 4, 10, &[1, 2, 3, 4]));
    assert_eq!(log.taken().len(), 4);
}

/// R22, R14: what an upstream sends behind its cut is no gap, else it would be asked for again for ever.
#[test]
fn frames_behind_the_cut_are_no_gaps() {
    let mut log = Log::new(ALL);
    log.fold(&FrameBuilder::seal());
    log.fold(&FrameBuilder::close(&[(U, Offset(2)), (V, Offset(9))]));
    let early = log.fold(&timed(U, 3, 4, 10, &[4]));
    assert!(matches!(early.outcome, Outcome::Gap { .. }), "what comes before it is missing");
    log.fold(&timed(U, 0, 2, 10, &[1, 2]));
    assert_eq!(log.fold(&timed(U, 3, 4, 10, &[4])).outcome, Outcome::Sealed);
    assert_eq!(log.taken().len(), 2);
}

/// R22, R14: an upstream that has reached its cut sends nothing more, so no later frame shows that its last one is lost.
#[test]
fn a_closing_log_says_what_it_lacks() {
    let mut log = Log::new(ALL);
    log.fold(&timed(U, 0, 2, 10, &[1, 2]));
    log.fold(&FrameBuilder::seal());
    assert_eq!(log.receiver.lacking(), [], "where it ends is not known yet");
    log.fold(&FrameBuilder::close(&[(U, Offset(4)), (V, Offset(1))]));
    log.fold(&timed(V, 0, 1, 10, &[1]));
    let outcome = Outcome::Gap { from: pos(4, 0) };
    assert_eq!(log.receiver.lacking(), [Received { upstream: U, next: pos(2, 0), outcome }]);
    log.fold(&timed(U, 2, 4, 10, &[3, 4]));
    assert_eq!(log.receiver.lacking(), []);
}

/// R22: feedback comes from behind this log's reader; a cut for it would make each wait for the other.
#[test]
fn feedback_has_no_cut() {
    let mut log = Log::new(ALL);
    log.receiver = Receiver::new([(U, true), (V, false)], ALL);
    log.fold(&timed(V, 0, 2, 10, &[1, 2]));
    log.fold(&FrameBuilder::seal());
    let frozen = log.receiver.phase().frozen(log.receiver.cursors()).unwrap();
    let cut = crate::log::generation::Cut::of(&[frozen]);
    assert_eq!(cut.pairs(), [(U, Offset::ZERO)]);
    log.fold(&FrameBuilder::close(&[(U, Offset(1))]));
    assert_eq!(log.fold(&timed(V, 2, 4, 10, &[3, 4])).next, pos(4, 0), "taken until the log is finished");
    log.fold(&timed(U, 0, 1, 10, &[1]));
    assert_eq!(log.fold(&timed(V, 4, 5, 10, &[5])).outcome, Outcome::Sealed);
}

#[test]
fn a_receiver_round_trips_in_every_phase() {
    let mut log = Log::new(ALL);
    let frames = [
        timed(U, 0, 4, 10, &[1]),
        timed(Upstream(77), 0, 1, i64::MAX, &[]),
        FrameBuilder::seal(),
        FrameBuilder::close(&[(U, Offset(6)), (V, Offset(1))]),
        frame(U, pos(4, 0), pos(5, 3), 10, &[]),
    ];
    for frame in &frames {
        log.fold(frame);
        let mut out = Writer::new();
        log.receiver.save(&mut out);
        let loaded = Receiver::load(&mut Reader::new(out.as_slice()), ALL).unwrap();
        assert_eq!(loaded, log.receiver);
        let mut again = Writer::new();
        loaded.save(&mut again);
        assert_eq!(again.as_slice(), out.as_slice());
    }
}

/// R11: a restarted owner goes on at its cursors; without them it takes what comes.
#[test]
fn cursors_are_state() {
    let mut log = Log::new(ALL);
    log.fold(&timed(U, 0, 4, 10, &[1, 2, 3, 4]));
    let mut out = Writer::new();
    log.receiver.save(&mut out);
    for (rules, taken) in [(ALL, 0), (without(Rule::CursorsAreState), 2)] {
        let mut again = Log::new(rules);
        again.receiver = Receiver::load(&mut Reader::new(out.as_slice()), rules).unwrap();
        again.fold(&timed(U, 0, 2, 10, &[1, 2]));
        assert_eq!(again.taken().len(), taken, "a repeat");
        again.fold(&timed(U, 2, 4, 10, &[3, 4]));
        assert_eq!(again.taken().len(), 2 * taken, "and what follows it");
    }
}

proptest! {
    /// Any frame cuts, repeats, overlaps and interleavings of upstreams give the same accepted sequence.
    #[test]
    fn the_accepted_sequence_does_not_depend_on_cuts(
        outputs in prop::collection::vec((0u32..4, any::<bool>()), 1..30),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 0..60),
    ) {
        // Step o of each upstream emits outputs[o].0 records, or a fate when it emits none and is told to.
        let mut all = vec![];
        let mut fates = vec![];
        for (offset, (count, dropped)) in outputs.iter().enumerate() {
            all.extend((0..*count).map(|sub| pos(offset as u64, sub)));
            if *count == 0 && *dropped {
                fates.push(run(offset as u64, 1, Reason::Filtered));
            }
        }
        let end = Position::at(Offset(outputs.len() as u64));
        let mut stops: Vec<Position> = all.clone();
        stops.extend((0..=outputs.len() as u64).map(|offset| pos(offset, 0)));
        stops.sort();
        stops.dedup();
        let cut = |u, from: Position, to: Position| {
            let header = Header { upstream: u, from, to, mark: EventTime(0) };
            let mut builder = FrameBuilder::new(header);
            let mut runs = crate::log::fate::FateRuns::default();
            for fate in &fates {
                if let Some(fate) = fate.from_position(from).and_then(|fate| fate.before_position(to)) {
                    runs.push(fate);
                }
            }
            builder = runs.iter().copied().fold(builder, FrameBuilder::fate);
            let inside = all.iter().filter(|at| **at >= from && **at < to);
            inside.fold(builder, |builder, at| builder.record(*at, at.to_string().as_bytes())).finish()
        };
        let mut log = Log::new(ALL);
        for (from, to, first) in &cuts {
            let (from, to) = (stops[from.index(stops.len())], stops[to.index(stops.len())]);
            log.fold(&cut(if *first { U } else { V }, from.min(to), from.max(to)));
        }
        for u in [U, V] {
            log.fold(&cut(u, Position::START, end));
            let taken: Vec<Position> =
                log.diary.records.iter().filter(|(from, ..)| *from == u).map(|(_, at, _)| *at).collect();
            prop_assert_eq!(&taken, &all);
            let counted: Vec<u64> = log
                .diary
                .fates
                .iter()
                .filter(|(from, _)| *from == u)
                .flat_map(|(_, run)| run.offset.0..run.end().0)
                .collect();
            prop_assert_eq!(counted, fates.iter().map(|run| run.offset.0).collect::<Vec<_>>());
        }
    }
}
