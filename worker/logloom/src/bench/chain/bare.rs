//! The same job as a bare loop: what a program does that keeps nothing safe.
//!
//! Fields found by hand or by a general JSON parser, one table of 10 s panes per scope (count, errors, sum, maximum, twelve
//! values and then buckets), panes thrown away when time has passed. No positions, no frames, no output, no ledger, no
//! larger windows. It is the yardstick of the chain: what is lost to it is what correctness costs.

use hashbrown::HashTable;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

const PANE_MS: i64 = 10_000;
const EXACT: usize = 12;

struct Pane {
    key: Box<[u8]>,
    hash: u64,
    number: i64,
    count: u32,
    errors: u32,
    sum: f64,
    max: f64,
    few: [f32; EXACT],
    buckets: Option<BTreeMap<i32, u32>>,
}

/// How fields are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// By search for their names, in the order in which they are known to come. Knows this one format.
    ByHand,
    /// By a general parser.
    Json,
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    ts: i64,
    org: &'a str,
    service: &'a str,
    operation: &'a str,
    level: &'a str,
    duration_ms: f64,
}

/// State of the loop.
pub struct Bare {
    finders: [memchr::memmem::Finder<'static>; 6],
    panes: HashTable<Pane>,
    key: Vec<u8>,
    mark: i64,
    /// So that nothing is optimised away.
    pub sum: f64,
}

impl Bare {
    /// An empty one.
    pub fn new() -> Self {
        let names = ["\"ts\":", "\"org\":", "\"service\":", "\"operation\":", "\"level\":", "\"duration_ms\":"];
        let finders = names.map(memchr::memmem::Finder::new);
        Self { finders, panes: HashTable::new(), key: Vec::new(), mark: 0, sum: 0.0 }
    }

    /// Takes a line. With `panes` false it is only parsed.
    pub fn line(&mut self, line: &[u8], fields: Fields, panes: bool) {
        self.key.clear();
        let (time, error, duration) = match fields {
            Fields::ByHand => {
                let mut at = 0;
                let mut next = |index: usize| field(line, &self.finders[index], &mut at);
                let time = integer(next(0));
                for index in 1..4 {
                    let value = next(index);
                    self.key.extend_from_slice(value);
                    self.key.push(0);
                }
                let error = next(4).first() == Some(&b'E');
                (time, error, decimal(next(5)))
            }
            Fields::Json => {
                let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return };
                for value in [line.org, line.service, line.operation] {
                    self.key.extend_from_slice(value.as_bytes());
                    self.key.push(0);
                }
                (line.ts, line.level.starts_with('E'), line.duration_ms)
            }
        };
        self.sum += duration;
        if panes {
            self.update(time, error, duration);
        }
    }

    fn update(&mut self, time: i64, error: bool, duration: f64) {
        let number = time / PANE_MS;
        let hash = xxh3_64(&self.key) ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = &self.key;
        let same = |pane: &Pane| pane.number == number && *pane.key == **key;
        let entry = self.panes.entry(hash, same, |pane| pane.hash).or_insert_with(|| Pane {
            key: key.as_slice().into(),
            hash,
            number,
            count: 0,
            errors: 0,
            sum: 0.0,
            max: 0.0,
            few: [0.0; EXACT],
            buckets: None,
        });
        let pane = entry.into_mut();
        match pane.few.get_mut(pane.count as usize) {
            Some(place) => *place = duration as f32,
            None => {
                let few = pane.few;
                let buckets = pane.buckets.get_or_insert_with(|| {
                    let mut buckets = BTreeMap::new();
                    few.iter().for_each(|value| *buckets.entry(bucket(f64::from(*value))).or_insert(0) += 1);
                    buckets
                });
                *buckets.entry(bucket(duration)).or_insert(0) += 1;
            }
        }
        pane.count += 1;
        pane.errors += u32::from(error);
        pane.sum += duration;
        pane.max = pane.max.max(duration);
        if time > self.mark + PANE_MS + 1000 {
            self.mark = time / 1000 * 1000 - 1000;
            let (mark, sum) = (self.mark, &mut self.sum);
            self.panes.retain(|pane| {
                let keep = (pane.number + 1) * PANE_MS > mark;
                if !keep {
                    *sum += pane.sum * 1e-12 + pane.max * 1e-12 + f64::from(pane.errors) * 1e-12;
                }
                keep
            });
        }
    }
}

/// A bucket of 2 % width.
fn bucket(value: f64) -> i32 {
    (value.max(1e-9).ln() * 50.0).ceil() as i32
}

/// The value behind a name, without quotes.
fn field<'a>(line: &'a [u8], name: &memchr::memmem::Finder<'_>, at: &mut usize) -> &'a [u8] {
    let Some(found) = name.find(&line[*at..]) else { return &[] };
    let start = *at + found + name.needle().len();
    let quoted = line.get(start) == Some(&b'"');
    let start = start + usize::from(quoted);
    let rest = &line[start.min(line.len())..];
    let length = match quoted {
        true => memchr::memchr(b'"', rest),
        false => rest.iter().position(|byte| matches!(byte, b',' | b'}')),
    };
    let value = &rest[..length.unwrap_or(rest.len())];
    *at = start + value.len();
    value
}

fn integer(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit.wrapping_sub(b'0')))
}

fn decimal(text: &[u8]) -> f64 {
    let (mut value, mut scale, mut fraction) = (0u64, 1u64, false);
    for byte in text {
        match byte {
            b'.' => fraction = true,
            digit => {
                value = value * 10 + u64::from(digit.wrapping_sub(b'0'));
                scale *= if fraction { 10 } else { 1 };
            }
        }
    }
    value as f64 / scale as f64
}
