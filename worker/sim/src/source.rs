//! Source partitions: generated lines with offsets, holes, idle times, late and malformed lines.

use crate::config::{BEGIN, MS, SECOND, Time};
use crate::program::{PARTITIONS, Pipeline};
use crate::rng::Rng;
use logloom_chain::log::Offset;
use std::collections::VecDeque;

/// A line of a source.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it stands.
    pub offset: Offset,
    /// When the source took it.
    pub appended: Time,
    /// Its bytes.
    pub text: String,
    /// True for a continuation line.
    pub continues: bool,
    /// A line that kills a careless owner.
    pub poison: bool,
}

/// One partition.
#[derive(Debug, Default)]
pub struct Source {
    /// Lines that are there, also trimmed ones.
    pub lines: Vec<Line>,
    /// First offset that is still there.
    pub start: Offset,
    /// The high watermark, behind holes.
    pub end: Offset,
    /// What will be appended.
    coming: VecDeque<(Time, Arrival)>,
}

#[derive(Debug)]
enum Arrival {
    Line(Line),
    /// Control records: only the end moves.
    Hole(Offset),
}

impl Source {
    /// When something is appended next.
    pub fn next_at(&self) -> Option<Time> {
        self.coming.front().map(|(at, _)| *at)
    }

    /// Appends what is due.
    pub fn append(&mut self, now: Time) -> u64 {
        let mut lines = 0;
        while self.next_at().is_some_and(|at| at <= now) {
            match self.coming.pop_front() {
                Some((_, Arrival::Line(line))) => {
                    self.end = line.offset.next();
                    self.lines.push(line);
                    lines += 1;
                }
                Some((_, Arrival::Hole(end))) => self.end = end,
                None => break,
            }
        }
        lines
    }

    /// Index of the first line at or behind an offset.
    pub fn find(&self, offset: Offset) -> usize {
        self.lines.partition_point(|line| line.offset < offset)
    }
}

/// Where everything of one run comes from.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// No line is out of bounds: then the answer must be the batch answer.
    pub strict: bool,
    /// When sources fall silent.
    pub until: Time,
    /// Whose lines.
    pub pipeline: Pipeline,
}

/// Generates all partitions.
pub fn generate(rng: &mut Rng, shape: Shape) -> Vec<Source> {
    (0..PARTITIONS).map(|number| partition(rng, shape, number)).collect()
}

fn partition(rng: &mut Rng, shape: Shape, number: usize) -> Source {
    let mut source = Source::default();
    let begins_late = rng.chance(250);
    let mut at = BEGIN + rng.range(0, 900) * MS + if begins_late { rng.range(2, 9) * SECOND } else { 0 };
    let mut offset = Offset::ZERO;
    let mut write = |source: &mut Source, rng: &mut Rng, at: Time, text: String, continues: bool, poison: bool| {
        let line = Line { offset, appended: at, text, continues, poison };
        source.coming.push_back((at, Arrival::Line(line)));
        offset = Offset(offset.0 + 1 + if rng.chance(60) { 1 + rng.below(3) } else { 0 });
    };
    let until = last_line(rng, shape);
    let text = shape.pipeline.is_text(number);
    while at < until {
        let time = event_time(rng, shape, at);
        let poison = rng.chance(8);
        let bad = poison || rng.chance(40);
        let line = line(rng, shape.pipeline, text, time, bad);
        write(&mut source, rng, at, line, false, poison);
        if text && !bad && rng.chance(300) {
            for _ in 0..rng.range(1, 5) {
                at += rng.range(5, 250) * MS;
                let text = format!("    at frame {}", rng.below(90));
                write(&mut source, rng, at, text, true, false);
            }
        }
        at += if rng.chance(40) { rng.range(4_000, 14_000) * MS } else { rng.range(40, 1_000) * MS };
    }
    if rng.chance(500) {
        let behind = Offset(offset.0 + 1 + rng.below(2));
        source.coming.push_back((at, Arrival::Hole(behind)));
    }
    source
}

/// Where claims carry provisionals, many partitions fall silent for good long before the run ends.
fn last_line(rng: &mut Rng, shape: Shape) -> Time {
    match shape.pipeline {
        Pipeline::Ingest if rng.chance(500) => rng.range(BEGIN / MS, shape.until / MS) * MS,
        _ => shape.until,
    }
}

/// Event time in milliseconds: within the allowed disorder, or not, or far in the future.
fn event_time(rng: &mut Rng, shape: Shape, at: Time) -> i64 {
    let behind = if shape.strict || !rng.chance(100) { rng.range(0, 1_850) } else { rng.range(0, 9_000) };
    let ahead = if rng.chance(12) { 3_600_000 } else { 0 };
    at / MS - behind + ahead
}

const SERVICES: [&str; 3] = ["web", "cart", "pay"];
const HOSTS: [&str; 3] = ["a", "b", "c"];
const TEXTS: [&str; 4] = ["request done", "cache miss for key", "retry after timeout", "user logged in"];

fn line(rng: &mut Rng, pipeline: Pipeline, text: bool, time: i64, bad: bool) -> String {
    match pipeline {
        Pipeline::Joins if text => app_line(rng, time, bad),
        Pipeline::Joins => call_line(rng, time, bad),
        Pipeline::Ingest => row_line(rng, time, bad),
    }
}

fn app_line(rng: &mut Rng, time: i64, bad: bool) -> String {
    if bad {
        return format!("{time} ?");
    }
    let level = if rng.chance(250) { "ERROR" } else { "INFO" };
    let (service, host) = (SERVICES[rng.index(3)], HOSTS[rng.index(3)]);
    let (trace, text) = (rng.below(40), TEXTS[rng.index(4)]);
    format!("{time} {level} {service} {host} t{trace} {text} {}", rng.below(1_000))
}

fn call_line(rng: &mut Rng, time: i64, bad: bool) -> String {
    if bad {
        return "{ no json".to_owned();
    }
    let (service, host) = (SERVICES[rng.index(3)], HOSTS[rng.index(3)]);
    let (trace, ms) = (rng.below(40), rng.below(4_000));
    format!(r#"{{"ts":{time},"service":"{service}","host":"{host}","trace_id":"t{trace}","ms":{}.5}}"#, ms)
}

fn row_line(rng: &mut Rng, time: i64, bad: bool) -> String {
    if bad {
        return "{ no json".to_owned();
    }
    let (service, host, text) = (SERVICES[rng.index(3)], HOSTS[rng.index(3)], TEXTS[rng.index(4)]);
    let ms = rng.below(4_000);
    format!(r#"{{"ts":{time},"service":"{service}","host":"{host}","ms":{ms}.5,"message":"{text} {ms}"}}"#)
}
