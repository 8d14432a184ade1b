use super::*;
use proptest::prelude::*;

fn task() -> Task {
    Task { generation: 0xABCD, stage: "correlate".into(), partition: 3 }
}

fn log() -> LogIdentity {
    LogIdentity { cluster: "main".into(), topic: 77 }
}

fn checkpoint(state: &[u8]) -> Checkpoint<'_> {
    Checkpoint {
        task: task(),
        origin: false,
        position: Offset(12),
        logic: 5,
        log: log(),
        last: Some(99),
        cursors: vec![(Upstream(0), Position::new(Offset(4), 2)), (Upstream(7), Position::at(Offset(9)))],
        state,
    }
}

fn at(positions: &[u64]) -> Vec<Offset> {
    positions.iter().copied().map(Offset).collect()
}

#[test]
fn names_sort_like_positions() {
    assert_eq!(task().object(Offset(12)), "000000000000abcd/correlate/3/00000000000000000012");
    assert_eq!(Task::parse_name("00000000000000000012"), Some(ObjectName::At(Offset(12))));
    assert_eq!(Task::parse_name("origin"), Some(ObjectName::Origin));
    for foreign in ["12", "+0000000000000000012", "99999999999999999999", "tmp"] {
        assert_eq!(Task::parse_name(foreign), None);
    }
}

#[test]
fn an_object_round_trips_and_damage_is_found() {
    let bytes = checkpoint(b"state").encode();
    assert_eq!(Checkpoint::decode(&bytes), Ok(checkpoint(b"state")));
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x10;
        assert!(Checkpoint::decode(&damaged).is_err());
        assert!(Checkpoint::decode(&bytes[..index]).is_err());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Checkpoint::decode(&bytes);
        let mut marked = [&MAGIC[..], &[VERSION], &bytes].concat();
        marked.extend(hash64(&marked).to_le_bytes());
        if let Ok(checkpoint) = Checkpoint::decode(&marked) {
            prop_assert_eq!(checkpoint.encode(), marked);
        }
    }

    /// R13 for any history: recovery and repair never need what was trimmed.
    #[test]
    fn trim_keeps_what_recovery_and_repair_need(
        mut positions in prop::collection::btree_set(1u64..100, 0..12),
        origin in prop::option::of(Just(0u64)),
        log_start in 0u64..60,
        durable in 0u64..100,
    ) {
        positions.retain(|position| *position != 0);
        let all = at(&positions.iter().copied().collect::<Vec<_>>());
        let origin = origin.map(Offset).filter(|origin| origin.0 >= log_start);
        let plan = trim(&all, origin, Offset(log_start), Some(Offset(durable)), Rules::ALL);
        let Some(below) = plan.below else {
            prop_assert!(plan.delete.is_empty());
            return Ok(());
        };
        let usable: Vec<Offset> = all.iter().copied().filter(|position| position.0 >= log_start).collect();
        let kept: Vec<Offset> = usable.iter().copied().filter(|position| !plan.delete.contains(position)).collect();
        prop_assert!(kept.len() >= usable.len().min(KEEP_NEWEST));
        prop_assert!(kept.iter().all(|position| *position >= below));
        let needed = usable.iter().filter(|position| position.0 <= durable).count();
        let left = kept.iter().filter(|position| position.0 <= durable).count();
        prop_assert!(left >= needed.min(KEEP_BELOW_RECEIVERS));
    }
}

/// R8: an owner serves its own logic version only.
#[test]
fn another_logic_version_is_refused() {
    let check = |logic, rules| checkpoint(b"").check(&task(), logic, &log(), rules);
    assert_eq!(check(5, Rules::ALL), Ok(()));
    assert_eq!(check(6, Rules::ALL), Err(CheckpointError::OtherLogic { expected: 6, found: 5 }));
    assert_eq!(check(6, Rules::ALL.without(Rule::LogicVersion)), Ok(()));
}

/// R0: another topic under the same name, and another entry before the position.
#[test]
fn a_replaced_log_stops_the_task() {
    let other = LogIdentity { topic: 78, ..log() };
    let refused = checkpoint(b"").check(&task(), 5, &other, Rules::ALL);
    assert!(matches!(refused, Err(CheckpointError::LogReplaced { .. })));
    let compare = |found| compare_last(Offset(11), Some(99), found, Rules::ALL);
    assert_eq!(compare(Some(99)), Ok(()));
    assert_eq!(compare(Some(98)), Err(LogReplaced::Fingerprint { at: Offset(11) }));
    assert_eq!(compare(None), Err(LogReplaced::Fingerprint { at: Offset(11) }));
    assert_eq!(compare_last(Offset(0), None, None, Rules::ALL), Ok(()));
    assert_eq!(compare_last(Offset(11), Some(1), Some(2), Rules::ALL.without(Rule::Fingerprint)), Ok(()));
}

/// R12, H9: names are tried newest first; what a superseded owner wrote below the log's start does not count.
#[test]
fn the_newest_usable_object_comes_first() {
    let listing = [2, 9, 5].map(|position| ObjectName::At(Offset(position)));
    let names = |start, most| candidates(&listing, Offset(start), most);
    assert_eq!(names(0, None), [9, 5, 2].map(|position| ObjectName::At(Offset(position))));
    assert_eq!(names(3, Some(Offset(8))), [ObjectName::At(Offset(5))]);
    let mut with_origin = listing.to_vec();
    with_origin.push(ObjectName::Origin);
    assert_eq!(candidates(&with_origin, Offset(0), Some(Offset(1))), [ObjectName::Origin]);
}

/// H8c: the newest object is damaged and the input already trimmed to it.
#[test]
fn three_newest_are_kept() {
    let positions = at(&[10, 20, 30, 40]);
    let receivers = Some(Offset(100));
    let plan = trim(&positions, None, Offset(0), receivers, Rules::ALL);
    assert_eq!(plan, Trim { delete: at(&[10]), below: Some(Offset(20)) });
    let plan = trim(&positions, None, Offset(0), receivers, Rules::ALL.without(Rule::KeepThree));
    assert_eq!(plan.below, Some(Offset(40)));
}

/// H8b: a receiver whose durable cursor is behind may ask for what was trimmed.
#[test]
fn trim_waits_for_receivers() {
    let positions = at(&[10, 20, 30, 40, 50]);
    let plan = |receivers, rules| trim(&positions, None, Offset(0), receivers, rules).below;
    assert_eq!(plan(Some(Offset(25)), Rules::ALL), Some(Offset(10)));
    assert_eq!(plan(Some(Offset(35)), Rules::ALL), Some(Offset(20)));
    assert_eq!(plan(None, Rules::ALL), Some(Offset(10)));
    assert_eq!(plan(Some(Offset(5)), Rules::ALL.without(Rule::TrimWaitsForReceivers)), Some(Offset(30)));
}

#[test]
fn nothing_is_trimmed_while_the_origin_is_needed() {
    let origin = Some(Offset(0));
    assert_eq!(trim(&at(&[10, 20]), origin, Offset(0), Some(Offset(100)), Rules::ALL), Trim::default());
    let plan = trim(&at(&[10, 20, 30]), origin, Offset(0), Some(Offset(100)), Rules::ALL);
    assert_eq!(plan, Trim { delete: vec![], below: Some(Offset(10)) });
    assert_eq!(trim(&[], None, Offset(0), None, Rules::ALL), Trim::default());
}

/// R13: the durable cursor of a receiver is readable without its state.
#[test]
fn cursors_are_readable_from_the_object() {
    let bytes = checkpoint(b"").encode();
    let object = Checkpoint::decode(&bytes).unwrap();
    assert_eq!(object.durable_next(Upstream(0)), Offset(4));
    assert_eq!(object.durable_next(Upstream(7)), Offset(9));
    assert_eq!(object.durable_next(Upstream(3)), Offset::ZERO);
}
