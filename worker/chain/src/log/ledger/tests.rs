use super::*;
use crate::id::Origin;
use crate::log::support::{U, V, run};
use proptest::prelude::*;

const MINUTE: Minute = Minute(7);

fn id(offset: u64) -> Id {
    Origin::from_seed(5).event(offset, 0)
}

fn saved<T: Snapshot>(value: &T) -> Vec<u8> {
    let mut out = Writer::new();
    value.save(&mut out);
    out.into_vec()
}

fn book<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Book {
    let mut book = Book::default();
    entries.into_iter().for_each(|entry| book.add(entry));
    book
}

/// Lines 0..n come in; each is counted as passed or dropped by one of two receivers.
fn count(n: u64, dropped: impl Fn(u64) -> bool, settle_every: u64) -> Vec<Entry> {
    let (mut ingest, mut receivers) = (Tally::default(), [Tally::default(), Tally::default()]);
    let mut entries = vec![];
    for offset in (0..n).map(Offset) {
        ingest.taken(U, offset, MINUTE, id(offset.0));
        let receiver = &mut receivers[(offset.0 % 2) as usize];
        if dropped(offset.0) {
            receiver.fate(U, &run(offset.0, 1, Reason::Filtered), |offset| id(offset.0));
        } else {
            receiver.passed(U, offset, MINUTE, id(offset.0));
        }
        if offset.0 % settle_every == 0 {
            entries.extend(ingest.settle(U, offset.next()));
            entries.extend(receivers.iter_mut().flat_map(|tally| tally.settle(U, offset.next())));
        }
    }
    entries.extend(ingest.entries());
    entries.extend(receivers.iter().flat_map(Tally::entries));
    entries
}

#[test]
fn every_line_is_accounted_for() {
    let entries = count(3 * TILE, |offset| offset % 5 == 0, 1_000);
    let balance = book(&entries).balance(|_| ());
    let line = &balance[&((), MINUTE)];
    assert!(line.is_even());
    assert_eq!(line.counts.taken.lines, 3 * TILE);
    assert_eq!(line.counts.all_dropped().lines, (3 * TILE).div_ceil(5));
    assert!(book(&entries).short().is_empty());
}

#[test]
fn a_lost_line_and_a_repeated_one_do_not_cancel() {
    let mut ledger = Tally::default();
    for offset in 0..2 {
        ledger.taken(U, Offset(offset), MINUTE, id(offset));
        ledger.passed(U, Offset(0), MINUTE, id(0));
    }
    let short = book(&ledger.entries()).short();
    assert_eq!(short[0].1.unaccounted, 0);
    assert!(!short[0].1.ids_agree);
}

#[test]
fn a_short_tile_names_its_offsets() {
    let mut ledger = Tally::default();
    ledger.taken(V, Offset(TILE + 3), MINUTE, id(TILE + 3));
    let short = book(&ledger.entries()).short();
    assert_eq!(short[0].1.unaccounted, 1);
    assert_eq!(short[0].0.range(), Offset(TILE)..Offset(2 * TILE));
}

#[test]
fn held_lines_are_in_the_balance() {
    let mut ledger = Tally::default();
    ledger.taken(U, Offset(0), MINUTE, id(0));
    let mut book = book(&ledger.entries());
    book.held(TileKey::of(U, Offset(0), MINUTE), Count { lines: 1, ids: id(0).0 });
    assert!(book.balance(|_| ())[&((), MINUTE)].is_even());
}

#[test]
fn covered_offsets_are_counted_and_not_balanced() {
    let mut ledger = Tally::default();
    ledger.fate(U, &run(0, 5 * TILE, Reason::BeforeStart), |_| id(0));
    ledger.fate(U, &run(5 * TILE + TILE / 2, TILE, Reason::Gap), |_| id(0));
    let balance = book(&ledger.entries()).balance(|_| ());
    assert_eq!(balance[&((), MINUTE)].counts.covered, [(Reason::Gap, TILE), (Reason::BeforeStart, 5 * TILE)]);
    assert!(balance[&((), MINUTE)].is_even());
}

proptest! {
    /// Entries add up to the same sums however and whenever they were handed on, and round trip.
    #[test]
    fn sums_do_not_depend_on_when_entries_are_handed_on(n in 1u64..400, every in 1u64..50, tiles in 0u64..3) {
        let shift = tiles * TILE + TILE - 200;
        let run = |every| {
            let mut tally = Tally::default();
            let mut entries = vec![];
            for offset in (shift..shift + n).map(Offset) {
                tally.taken(U, offset, Minute((offset.0 % 3) as i32), id(offset.0));
                if offset.0 % every == 0 {
                    entries.extend(tally.settle(U, offset.next()));
                    let bytes = saved(&tally);
                    let loaded = Tally::load(&mut Reader::new(&bytes)).unwrap();
                    assert_eq!(saved(&loaded), bytes);
                    tally = loaded;
                }
            }
            entries.extend(tally.entries());
            entries
        };
        let (once, often) = (run(u64::MAX), run(every));
        for entry in &often {
            let bytes = saved(entry);
            let loaded = Entry::load(&mut Reader::new(&bytes)).unwrap();
            prop_assert_eq!(&loaded, entry);
        }
        prop_assert_eq!(book(&once).balance(|u| u), book(&often).balance(|u| u));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Entry::load(&mut Reader::new(&bytes));
        let _ = Tally::load(&mut Reader::new(&bytes));
    }
}
