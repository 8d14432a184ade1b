//! Folding everything again from the beginning.

use crate::stage::{Body, Row, outputs};
use crate::topology::{Input, Kind, LogId, TaskId};
use crate::world::{Violation, World};
use logloom_chain::id::hash64;
use logloom_chain::log::checkpoint::{Checkpoint, ObjectName};
use logloom_chain::log::fold::fold_line;
use logloom_chain::log::outlet::Due;
use logloom_chain::log::{FateRun, Fold, Ingest, Offset, Outputs, Position, RawLine, Reason, Receiver, Upstream};
use logloom_chain::time::EventTime;
use std::collections::BTreeMap;

/// What a receiver takes over a whole log.
#[derive(Debug, Default)]
pub struct Accepted {
    records: BTreeMap<Upstream, Vec<(Position, Vec<u8>)>>,
    next: BTreeMap<Upstream, Position>,
}

impl Accepted {
    /// Records of an upstream, and the first position that is not taken.
    pub fn of(&self, upstream: Upstream) -> (&Vec<(Position, Vec<u8>)>, Position) {
        static NONE: Vec<(Position, Vec<u8>)> = Vec::new();
        let next = self.next.get(&upstream).copied().unwrap_or(Position::START);
        (self.records.get(&upstream).unwrap_or(&NONE), next)
    }

    /// All records.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let row = |upstream: Upstream| {
            move |(at, payload): &(Position, Vec<u8>)| Row { upstream, at: *at, payload: payload.clone() }
        };
        self.records.iter().flat_map(move |(upstream, records)| records.iter().map(row(*upstream)))
    }
}

impl Fold for Accepted {
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], _out: &mut Outputs) {
        self.records.entry(upstream).or_default().push((at, payload.to_vec()));
    }

    fn fate(&mut self, _upstream: Upstream, _run: FateRun, _out: &mut Outputs) {}

    fn time(&mut self, _now: EventTime, _out: &mut Outputs) {}
}

/// Takes a whole log.
pub fn accepted(world: &World<'_>, log: LogId) -> Accepted {
    let mut receiver = Receiver::new(world.upstreams(log), world.config.rules);
    let mut out = Outputs::resume(Upstream(0), &[], Offset::ZERO, EventTime::MIN, world.config.rules);
    let mut accepted = Accepted::default();
    for bytes in &world.logs[log].entries {
        if let Ok(frame) = bytes.decode() {
            receiver.step(&frame, &mut accepted, &mut out);
        }
    }
    accepted.next = receiver.cursors().iter().map(|cursor| (cursor.upstream, cursor.next)).collect();
    accepted
}

/// A task folded over its whole input.
pub struct Refold {
    /// Its state at the end.
    pub body: Body,
    /// What it emits, per outlet.
    pub outlets: Vec<Vec<(Position, Vec<u8>)>>,
}

/// Folds a task's whole input; `None` when it has not begun, or is a sink.
///
/// # Errors
/// A stored state that differs from the refold's at the same position.
pub fn refold(world: &World<'_>, task: TaskId) -> Result<Option<Refold>, Violation> {
    let spec = &world.tasks[task];
    if matches!(spec.kind, Kind::ById | Kind::Objects | Kind::Transaction) {
        return Ok(None);
    }
    let Some(origin) = world.sinks.origins.get(&task).copied() else { return Ok(None) };
    let mut body = first_state(world, task);
    let mut out = outputs(spec, origin, true, body.mark(), world.config.rules);
    let mut outlets = vec![Vec::new(); spec.outlets.len()];
    match spec.input {
        Input::Source(source) => {
            let mut position = origin;
            for line in world.sources[source].lines.iter().filter(|line| line.offset >= origin) {
                if world.ends(task).is_some_and(|end| line.offset >= end) {
                    break;
                }
                compare_state(world, task, position, &body)?;
                let Body::Ingest(ingest) = &mut body else { break };
                if line.offset > position {
                    ingest.covered(position..line.offset, Reason::Gap, &mut out);
                }
                let received = Some(EventTime(line.appended));
                fold_line(ingest.as_mut(), line.offset, RawLine::new(line.text.as_bytes()), received, &mut out);
                position = line.offset.next();
                collect(&mut out, &mut outlets);
            }
            compare_state(world, task, position, &body)?;
        }
        Input::Log(log) => {
            for (offset, bytes) in world.logs[log].entries.iter().enumerate() {
                if body.receiver().is_some_and(Receiver::is_finished) {
                    break;
                }
                let at = Offset(offset as u64);
                compare_state(world, task, at, &body)?;
                if let Ok(frame) = bytes.decode() {
                    body.fold(at, &frame, 0, &mut out);
                    collect(&mut out, &mut outlets);
                }
            }
        }
    }
    Ok(Some(Refold { body, outlets }))
}

/// The state in which a task begins: what its origin holds.
fn first_state(world: &World<'_>, task: TaskId) -> Body {
    let origin = world.store.get(task, ObjectName::Origin);
    let state = origin.and_then(|bytes| Checkpoint::decode(bytes).ok()).map(|origin| origin.state.to_vec());
    let loaded = state.and_then(|state| Body::load(&world.tasks[task], &world.parts[0], &state).ok());
    loaded.unwrap_or_else(|| world.fresh(task, 0))
}

/// Step 3.
fn compare_state(world: &World<'_>, task: TaskId, at: Offset, body: &Body) -> Result<(), Violation> {
    let Some(stored) = world.sinks.states.get(&(task, at)) else { return Ok(()) };
    if *stored == hash64(&body.save()) {
        return Ok(());
    }
    let name = world.name_of(task);
    Err(Violation::new(
        "DIVERGE",
        format!("{name}: the state that was stored at {at} is not that of an undisturbed fold"),
    ))
}

/// Takes what a step has emitted.
pub fn collect(out: &mut Outputs, outlets: &mut [Vec<(Position, Vec<u8>)>]) {
    for outlet in out.indices() {
        if out.due(outlet) < Due::Records {
            continue;
        }
        let frame = out.cut(outlet, usize::MAX / 2);
        out.acked(outlet, frame.sequence);
        if let Ok(frame) = frame.bytes.decode() {
            let records = frame.records().map(|record| (record.position, record.payload.to_vec()));
            outlets[usize::from(outlet.0)].extend(records);
        }
    }
}
