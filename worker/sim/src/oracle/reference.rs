//! One undisturbed pass over the sources: the same stages, each frame delivered at once.

use super::Records;
use crate::config::SECOND;
use crate::stage::{Body, outputs};
use crate::topology::{Input, Kind, LogId};
use crate::world::World;
use logloom_chain::log::fold::fold_line;
use logloom_chain::log::mark::LogEndClaim;
use logloom_chain::log::outlet::Due;
use logloom_chain::log::{FrameBytes, Offset, Outputs, RawLine, Rules, Upstream};
use logloom_chain::time::EventTime;
use std::collections::{BTreeMap, VecDeque};

/// What the pass emits.
pub struct Reference {
    records: BTreeMap<(&'static str, Upstream), Records>,
}

impl Reference {
    /// Records of a link per sender.
    pub fn of_link(&self, name: &str) -> Vec<(Upstream, Records)> {
        let of_link = self.records.iter().filter(|((link, _), _)| *link == name);
        of_link.map(|((_, upstream), records)| (*upstream, records.clone())).collect()
    }
}

struct Pass<'w> {
    world: &'w World<'w>,
    tasks: Vec<(Body, Outputs)>,
    ends: Vec<u64>,
    queue: VecDeque<(LogId, FrameBytes)>,
    made: Reference,
}

/// Runs the pass.
pub fn run(world: &World<'_>) -> Reference {
    let rules = Rules::ALL;
    let first_generation = world.tasks.iter().filter(|task| task.generation == 0).count();
    let mut tasks = Vec::new();
    for (number, spec) in world.tasks[..first_generation].iter().enumerate() {
        let mut parts = world.parts[0].clone();
        parts.rules = rules;
        let senders = match spec.input {
            Input::Source(_) => Vec::new(),
            Input::Log(log) => world.upstreams(log),
        };
        let origin = world.sinks.origins.get(&number).copied().unwrap_or_default();
        tasks.push((Body::new(spec, &parts, &senders), outputs(spec, origin, true, EventTime::MIN, rules)));
    }
    let made = Reference { records: BTreeMap::new() };
    let mut pass = Pass { world, tasks, ends: vec![0; world.logs.len()], queue: VecDeque::new(), made };
    pass.lines();
    pass.claims();
    pass.made
}

impl Pass<'_> {
    /// All lines in the order in which sources took them.
    fn lines(&mut self) {
        let sources = self.world.sources.iter().enumerate();
        let mut lines: Vec<_> =
            sources.flat_map(|(number, source)| source.lines.iter().map(move |line| (number, line))).collect();
        lines.sort_by_key(|(number, line)| (line.appended, *number, line.offset));
        for (number, line) in lines {
            let origin = self.world.sinks.origins.get(&number).copied().unwrap_or_default();
            if line.offset < origin {
                continue;
            }
            let (body, out) = &mut self.tasks[number];
            let Body::Ingest(task) = body else { continue };
            fold_line(
                task.as_mut(),
                line.offset,
                RawLine::new(line.text.as_bytes()),
                Some(EventTime(line.appended)),
                out,
            );
            self.cut(number);
            self.pump();
        }
    }

    /// Time goes on for as long as it did in the run.
    fn claims(&mut self) {
        for step in 0..12 {
            for number in 0..self.world.sources.len() {
                let (body, out) = &mut self.tasks[number];
                let Body::Ingest(task) = body else { continue };
                let time = EventTime(self.world.shape.until + step * 5 * SECOND);
                let end = out.position();
                task.claim(LogEndClaim { end, time }, usize::MAX, out);
                self.cut(number);
                self.pump();
            }
        }
    }

    fn cut(&mut self, task: usize) {
        let spec = &self.world.tasks[task];
        let (_, out) = &mut self.tasks[task];
        for outlet in out.indices() {
            let log = spec.outlets[usize::from(outlet.0)];
            let feedback = spec.kind == Kind::Analyze && outlet.0 > 0;
            let least = if feedback { Due::Records } else { Due::Mark };
            while out.due(outlet) >= least {
                let frame = out.cut(outlet, usize::MAX / 2);
                out.acked(outlet, frame.sequence);
                self.queue.push_back((log, frame.bytes));
            }
        }
    }

    fn pump(&mut self) {
        while let Some((log, bytes)) = self.queue.pop_front() {
            let Ok(frame) = bytes.decode() else { continue };
            let name = self.world.log_specs[log].name;
            let records = self.made.records.entry((name, frame.upstream())).or_default();
            records.extend(frame.records().map(|record| (record.position, record.payload.to_vec())));
            let at = Offset(self.ends[log]);
            self.ends[log] += 1;
            for reader in self.world.log_specs[log].readers.clone() {
                let (body, out) = &mut self.tasks[reader];
                body.fold(at, &frame, 0, out);
                self.cut(reader);
            }
        }
    }
}
