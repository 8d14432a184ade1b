use super::*;
use crate::log::support::{U, V, pos};

fn frozen(u: Position, v: Position) -> Frozen {
    Frozen(vec![(U, u), (V, v)])
}

/// R22.2, H19: the cut is the maximum; the minimum would repeat what some partition already took.
#[test]
fn the_cut_is_the_maximum_over_partitions() {
    let cut = Cut::of(&[frozen(pos(5, 0), pos(9, 0)), frozen(pos(7, 0), pos(2, 0))]);
    assert_eq!(cut.pairs(), [(U, Offset(7)), (V, Offset(9))]);
    assert_eq!(cut.get(Upstream(5)), Offset::ZERO);
}

/// A cursor inside a step: that step belongs to the old generation as a whole.
#[test]
fn a_step_that_was_begun_ends_in_its_generation() {
    assert_eq!(Cut::of(&[frozen(pos(5, 1), pos(0, 0))]).get(U), Offset(6));
}

#[test]
fn upstreams_that_only_some_partitions_know_count() {
    let new = Frozen(vec![(Upstream(8), pos(3, 0))]);
    assert_eq!(Cut::of(&[frozen(pos(1, 0), pos(1, 0)), new]).get(Upstream(8)), Offset(3));
}

#[test]
fn frozen_vectors_and_cuts_round_trip() {
    let frozen = frozen(pos(5, 1), pos(9, 0));
    let cut = Cut::of(std::slice::from_ref(&frozen));
    let mut out = Writer::new();
    frozen.save(&mut out);
    cut.save(&mut out);
    let mut input = Reader::new(out.as_slice());
    assert_eq!(Frozen::load(&mut input), Ok(frozen));
    assert_eq!(Cut::load(&mut input), Ok(cut.clone()));
    assert_eq!(Cut::from_pairs(cut.pairs().to_vec()), Some(cut));
    assert_eq!(Cut::from_pairs(vec![(V, Offset(1)), (U, Offset(1))]), None);
}

/// R22.5: the rest of the state is carried byte for byte.
#[test]
fn a_state_is_carried_behind_its_receiver() {
    let mut out = Writer::new();
    let receiver = Receiver::new([(U, true), (V, true)], Rules::ALL);
    receiver.save(&mut out);
    let length = out.len();
    out.raw(b"windows");
    assert_eq!(carried_state(out.as_slice()), Ok(out.as_slice().to_vec()));
    assert!(carried_state(&out.as_slice()[..length - 1]).is_err());
}
