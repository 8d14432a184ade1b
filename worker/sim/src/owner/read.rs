//! Reading and folding: source lines for ingest, frames for everybody else (R0, R5, R6, R7, R16, R17, R18, R22, R24).

use crate::config::{MS, Time};
use crate::source::Line;
use crate::stage::Body;
use crate::topology::{Input, Kind, LogId};
use crate::world::{Violation, World};
use logloom_chain::log::checkpoint::{candidates, compare_last};
use logloom_chain::log::fold::fold_line;
use logloom_chain::log::frame::{FrameBuilder, Header};
use logloom_chain::log::range::{Delivered, OutOfRange, out_of_range};
use logloom_chain::log::{FrameBytes, Offset, Outcome, RawLine, Reason, Rule};
use logloom_chain::log::{Ingest, checkpoint::ObjectName};
use logloom_chain::time::EventTime;

/// Rows that a join may hold before an owner stops reading (rule `no-self-wait` off).
const SELF_WAIT_ROWS: u64 = 14;
/// How long a start line waits for its continuation lines (rule `assemble-behind-log` off).
const ASSEMBLE_BY_CLOCK: Time = 400 * MS;

impl World<'_> {
    /// Reads what is there.
    pub(crate) fn read(&mut self, number: usize) {
        let task = self.owners[number].task;
        if self.is_finished(number) {
            return;
        }
        match self.tasks[task].input {
            Input::Source(source) => {
                self.ask_end(number);
                self.read_source(number, source);
            }
            Input::Log(log) => self.read_log(number, log),
        }
        if self.owners[number].body.is_some() {
            self.committed[task] = self.committed[task].max(self.owners[number].position);
        }
    }

    /// R16: true when the owner may read at its position.
    fn is_in_range(&mut self, number: usize, start: Offset, tenant: bool) -> bool {
        let position = self.owners[number].position;
        if position >= start {
            return true;
        }
        let names = candidates(&self.store.list(self.owners[number].task), start, None);
        let newest = names.iter().find_map(|name| match name {
            ObjectName::At(position) => Some(*position),
            ObjectName::Origin => None,
        });
        let newest = if self.tasks[self.owners[number].task].kind.has_checkpoints() { newest } else { Some(start) };
        match out_of_range(position, start, newest, tenant, self.config.rules) {
            OutOfRange::InRange => return true,
            OutOfRange::Jump(to) => {
                let owner = &mut self.owners[number];
                owner.position = to;
                owner.last = None;
                owner.cursor = logloom_chain::log::range::SourceCursor::new(to, self.config.rules);
                return true;
            }
            OutOfRange::Reload | OutOfRange::Halt(_) | OutOfRange::Trimmed(_) => self.reload(number),
        }
        false
    }

    fn read_source(&mut self, number: usize, source: usize) {
        if !self.is_in_range(number, self.sources[source].start, true) || self.owners[number].cut_off_until > self.now {
            return;
        }
        let mut left = self.owners[number].lines_per_tick;
        let mut index = self.sources[source].find(self.owners[number].position);
        let end = self.owners[number].ends_at.unwrap_or(Offset(u64::MAX));
        let finishes = end <= self.sources[source].end;
        while left > 0 && self.owners[number].alive {
            let Some(line) = self.sources[source].lines.get(index).filter(|line| line.offset < end).cloned() else {
                break;
            };
            if !self.has(Rule::AssembleBehindLog) && self.assembles_by_clock(number, source, index) {
                break;
            }
            index += 1;
            left -= 1;
            self.read_line(number, &line);
        }
        if left > 0 && self.owners[number].alive {
            self.at_source_end(number, self.sources[source].end.min(end));
        }
        if finishes && self.owners[number].position >= end {
            self.owners[number].last_saved = 0;
        }
    }

    /// R17: the reader has nothing more to read.
    fn at_source_end(&mut self, number: usize, end: Offset) {
        let owner = &mut self.owners[number];
        if owner.held.is_some() {
            return;
        }
        if let Some(hole) = owner.cursor.at_end(end) {
            if let Some(Body::Ingest(task)) = &mut owner.body {
                task.covered(hole, Reason::Gap, &mut owner.out);
            }
            owner.position = owner.cursor.position();
        }
    }

    fn read_line(&mut self, number: usize, line: &Line) {
        if line.poison && !self.has(Rule::PoisonIsCaught) {
            return self.kill(number);
        }
        let (by_source, by_quota) = (self.has(Rule::ClampBySource), !self.has(Rule::FateBySource));
        let now = self.now;
        let owner = &mut self.owners[number];
        let clock = owner.clock(now).0;
        let Delivered::New { hole } = owner.cursor.record(line.offset) else { return };
        let dropped = by_quota && !line.continues && super::above_quota(owner, clock);
        let Some(Body::Ingest(task)) = &mut owner.body else { return };
        if let Some(hole) = hole {
            task.covered(hole, Reason::Gap, &mut owner.out);
        }
        let received = EventTime(if by_source { line.appended } else { clock });
        let bytes = if dropped { b"0000000000000 ?".as_slice() } else { line.text.as_bytes() };
        fold_line(task.as_mut(), line.offset, RawLine::new(bytes), Some(received), &mut owner.out);
        owner.position = owner.cursor.position();
    }

    /// The first version's multi-line: the owner waits by its clock for continuation lines, and joins what came. True
    /// while it waits.
    fn assembles_by_clock(&mut self, number: usize, source: usize, index: usize) -> bool {
        let lines = &self.sources[source].lines;
        let (line, now) = (&lines[index], self.now);
        if line.continues || !lines[index].text.contains(" t") {
            return false;
        }
        let more = lines[index + 1..].iter().take_while(|line| line.continues).count();
        let complete = lines.len() > index + 1 + more;
        let owner = &mut self.owners[number];
        let since = owner.held.filter(|(held, _)| *held == index).map_or(now, |(_, since)| since);
        if !complete && now - since < ASSEMBLE_BY_CLOCK {
            owner.held = Some((index, since));
            return true;
        }
        owner.held = None;
        let mut joined = line.clone();
        for next in &lines[index + 1..index + 1 + more] {
            joined.text.push(' ');
            joined.text.push_str(next.text.trim());
            joined.offset = next.offset;
        }
        if more > 0 {
            self.read_line(number, &joined);
        }
        more > 0
    }

    fn read_log(&mut self, number: usize, log: LogId) {
        for _ in 0..2 + self.rng.below(9) {
            if !self.is_in_range(number, self.logs[log].start, false) || !self.is_same_log(number, log) {
                return;
            }
            let position = self.owners[number].position;
            let Some(bytes) = self.logs[log].entries.get(position.0 as usize).cloned() else { return };
            if self.waits_for_itself(number) {
                return;
            }
            self.fold(number, &bytes);
            self.lane_after_step(number);
            if self.is_finished(number) {
                self.owners[number].last_saved = 0;
                return;
            }
        }
    }

    /// R0: the entry before the position is the one that was folded. What was trimmed cannot be compared.
    fn is_same_log(&mut self, number: usize, log: LogId) -> bool {
        let owner = &self.owners[number];
        let Some(before) = owner.position.0.checked_sub(1).map(Offset) else { return true };
        if before < self.logs[log].start {
            return true;
        }
        let found = self.logs[log].entries.get(before.0 as usize).map(FrameBytes::fingerprint);
        if let Err(reason) = compare_last(before, owner.last, found, self.config.rules) {
            self.violation = Some(Violation::new("DECLARED", reason.to_string()));
            return false;
        }
        true
    }

    fn waits_for_itself(&self, number: usize) -> bool {
        match &self.owners[number].body {
            Some(Body::Correlate(task)) => !self.has(Rule::NoSelfWait) && task.held().0 > SELF_WAIT_ROWS,
            _ => false,
        }
    }

    fn fold(&mut self, number: usize, bytes: &FrameBytes) {
        let Ok(frame) = bytes.decode() else {
            self.violation = Some(Violation::new("DAMAGED", "a frame in a log does not decode"));
            return;
        };
        let coin = self.rng.next();
        let flush = self.flush_by_clock(number);
        let now = self.now;
        let owner = &mut self.owners[number];
        let (at, clock) = (owner.position, owner.clock(now));
        let Some(body) = &mut owner.body else { return };
        let before = body.receiver().and_then(|receiver| receiver.cursor(frame.upstream())).map(|cursor| cursor.next);
        owner.out.begin(at);
        for fake in flush {
            if let Ok(fake) = fake.decode() {
                body.step(at, &fake, coin, &mut owner.out);
            }
        }
        let received = body.step(at, &frame, coin, &mut owner.out);
        owner.out.end(at.next(), body.mark());
        owner.position = at.next();
        owner.last = Some(frame.fingerprint());
        let Some(received) = received else { return };
        owner.gaps.observe(&received, clock);
        match received.outcome {
            Outcome::Gap { .. } => self.figures.gaps += 1,
            Outcome::Repeat if frame.to() > frame.from() => self.figures.repeats += 1,
            Outcome::Taken { partial: true, .. } if before != Some(frame.from()) => self.figures.partial_repeats += 1,
            _ => {}
        }
    }

    /// The first version's aggregates: flushed by the owner's timer, as if every upstream had spoken (rule
    /// `aggregates-by-log` off).
    fn flush_by_clock(&mut self, number: usize) -> Vec<FrameBytes> {
        let now = self.now;
        if self.has(Rule::AggregatesByLog) || self.tasks[self.owners[number].task].kind != Kind::Correlate {
            return Vec::new();
        }
        let owner = &mut self.owners[number];
        if now - owner.last_flush < super::flush_every(owner.variant) {
            return Vec::new();
        }
        owner.last_flush = now;
        let mark = EventTime(owner.clock(now).0 - 2_000 * MS);
        let cursors = owner.body.as_ref().map(Body::cursors).unwrap_or_default();
        let fake = |(upstream, next)| FrameBuilder::new(Header { upstream, from: next, to: next, mark }).finish();
        cursors.into_iter().map(fake).collect()
    }
}
