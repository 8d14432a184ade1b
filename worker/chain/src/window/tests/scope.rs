use crate::compile::shape::{Level, LevelIndex};
use crate::window::scope::{Lineage, ScopeId, ScopeTable, Tag, VALUE_BYTES_MAX, values, write_key};
use crate::window::tests::world::level;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key(level: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::new();
    write_key(&mut key, Tag::Scope(LevelIndex(level)), parts.iter().copied());
    key
}

fn chain() -> Vec<Level> {
    vec![level(&[0], None), level(&[0, 1], Some(0)), level(&[2, 1, 0], Some(1))]
}

#[test]
fn the_parent_of_a_scope_keeps_the_values_of_the_parents_dimensions_in_the_parents_order() {
    let lineage = Lineage::new(&chain());
    let mut parent = Vec::new();
    assert!(lineage.write_parent(LevelIndex(2), &key(2, &[b"op", b"svc", b"org"]), &mut parent));
    assert_eq!(parent, key(1, &[b"org", b"svc"]));
    let mut grandparent = Vec::new();
    assert!(lineage.write_parent(LevelIndex(1), &parent, &mut grandparent));
    assert_eq!(grandparent, key(0, &[b"org"]));
    assert!(!lineage.write_parent(LevelIndex(0), &grandparent, &mut Vec::new()));
}

#[test]
fn siblings_share_a_cohort_and_the_parent_finds_it() {
    let lineage = Lineage::new(&chain());
    let cohort_of = |scope: &[u8]| {
        let mut cohort = Vec::new();
        lineage.write_cohort(LevelIndex(2), scope, &mut cohort);
        cohort
    };
    let cohort = cohort_of(&key(2, &[b"a", b"svc", b"org"]));
    assert_eq!(cohort, cohort_of(&key(2, &[b"b", b"svc", b"org"])));
    assert_ne!(cohort, cohort_of(&key(2, &[b"a", b"other", b"org"])));
    let mut from_parent = Vec::new();
    Lineage::write_own_cohort(LevelIndex(2), &key(1, &[b"org", b"svc"]), &mut from_parent);
    assert_eq!(cohort, from_parent);
    assert_eq!(Tag::of(&cohort), Tag::Cohort(LevelIndex(2)));
}

#[test]
fn scopes_without_a_parent_are_one_cohort() {
    let lineage = Lineage::new(&chain());
    let (mut left, mut right) = (Vec::new(), Vec::new());
    lineage.write_cohort(LevelIndex(0), &key(0, &[b"a"]), &mut left);
    lineage.write_cohort(LevelIndex(0), &key(0, &[b"b"]), &mut right);
    assert_eq!(left, right);
}

#[test]
fn a_long_value_is_cut_between_characters_and_stays_apart_from_others() {
    let long = "ä".repeat(400);
    let other = format!("{long}!");
    let (left, right) = (key(0, &[long.as_bytes()]), key(0, &[other.as_bytes()]));
    assert_ne!(left, right);
    assert!(left.len() <= VALUE_BYTES_MAX + 2);
    let value = values(&left).next().unwrap().into_owned();
    let text = String::from_utf8(value).unwrap();
    assert!(text.starts_with("ää") && text.contains('~'), "{text}");
}

proptest! {
    #[test]
    fn a_key_gives_its_values_back_and_sorts_as_they_do(
        left in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..4), 2),
        right in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..4), 2),
    ) {
        let slices = |parts: &[Vec<u8>]| key(1, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (left_key, right_key) = (slices(&left), slices(&right));
        let back: Vec<Vec<u8>> = values(&left_key).map(|value| value.into_owned()).collect();
        prop_assert_eq!(&back, &left);
        prop_assert_eq!(left_key.cmp(&right_key), left.cmp(&right));
    }

    #[test]
    fn a_table_is_a_sorted_map_whatever_comes_and_goes(steps in proptest::collection::vec((any::<bool>(), 0u16..60, any::<bool>()), 0..300)) {
        let mut table = ScopeTable::new();
        let mut model: BTreeMap<Vec<u8>, ScopeId> = BTreeMap::new();
        for (insert, name, settle) in steps {
            let name = key(0, &[format!("{}", u32::from(name) * 7919).as_bytes()]);
            if insert {
                let (id, new) = table.intern(&name);
                let before = model.insert(name, id);
                prop_assert_eq!(before.is_none(), new);
                prop_assert!(before.is_none_or(|before| before == id));
            } else if let Some(id) = model.remove(&name) {
                table.remove(id);
                prop_assert!(!table.is_live(id));
            }
            let expected: Vec<u32> = model.values().map(|id| id.0).collect();
            prop_assert_eq!(table.current_order(), expected.clone());
            if settle {
                table.settle();
                prop_assert_eq!(table.order(), &expected[..]);
            }
            prop_assert_eq!(table.len(), model.len());
            for (name, id) in &model {
                prop_assert_eq!(table.key(*id), &name[..]);
            }
        }
    }
}
