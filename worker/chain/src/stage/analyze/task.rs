//! The analyze stage as a task: its receiver, and the links that it feeds.

use super::{Analyze, AnalyzePlan, AnalyzeSink};
use crate::compile::program::Program;
use crate::log::frame::Provisionals;
use crate::log::{Fold, Frame, Offset, Outputs, Position, Received, Receiver, Rules, Stage, Upstream};

use crate::stage::plan::{Plan, analyze_link};
use crate::time::EventTime;
use crate::window::PanePlan;
use crate::wire::{Reader, WireError, Writer};
use std::sync::Arc;

/// State of an analyze task.
#[derive(Debug, Clone)]
pub struct AnalyzeTask {
    receiver: Receiver,
    body: Body,
}

/// Everything behind the receiver.
#[derive(Debug, Clone)]
struct Body {
    analyze: Analyze,
    plan: Arc<Plan>,
}

/// Sends what analyze emits on its links: insights to the one alert task, feedback to every correlate task.
struct Links<'a> {
    plan: &'a Plan,
    out: &'a mut Outputs,
}

impl AnalyzeSink for Links<'_> {
    fn insight(&mut self, write: &mut dyn FnMut(&mut Writer)) {
        let outlet = self.out.outlet(analyze_link::INSIGHTS, 0);
        self.out.emit_with(outlet, |out| write(out));
    }

    fn feedback(&mut self, record: &[u8]) {
        for partition in 0..self.plan.joins {
            let outlet = self.out.outlet(analyze_link::FEEDBACK, partition);
            self.out.emit(outlet, record);
        }
    }
}

impl AnalyzeTask {
    /// A task before its first frame. All tasks of a pipeline may share the plan of their panes; `number` is the
    /// task's partition of the panes link.
    pub fn new(program: Arc<Program>, plan: Arc<Plan>, panes: Arc<PanePlan>, _number: u16, rules: Rules) -> Self {
        let receiver = Receiver::new(plan.panes_upstreams(), rules);
        let analyze = Analyze::new(analyze_plan(&program, panes), rules);
        Self { receiver, body: Body { analyze, plan } }
    }

    /// A task from what [`Stage::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(
        program: Arc<Program>,
        plan: Arc<Plan>,
        panes: Arc<PanePlan>,
        _number: u16,
        rules: Rules,
        input: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let receiver = Receiver::load(input, rules)?;
        let analyze = Analyze::load(analyze_plan(&program, panes), rules, input)?;
        Ok(Self { receiver, body: Body { analyze, plan } })
    }

    /// The fold, for reports.
    pub fn analyze(&self) -> &Analyze {
        &self.body.analyze
    }
}

fn analyze_plan(program: &Program, panes: Arc<PanePlan>) -> Arc<AnalyzePlan> {
    Arc::new(AnalyzePlan::new(Arc::clone(&program.definition), panes))
}

impl Stage for AnalyzeTask {
    fn step(&mut self, _at: Offset, frame: &Frame<'_>, out: &mut Outputs) -> Received {
        self.receiver.step(frame, &mut self.body, out)
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Every window that ends at or before it has been emitted.
    fn mark(&self) -> EventTime {
        self.body.analyze.now()
    }

    fn save(&self, out: &mut Writer) {
        self.receiver.save(out);
        self.body.analyze.save(out);
    }
}

impl Fold for Body {
    fn record(&mut self, upstream: Upstream, _at: Position, payload: &[u8], _out: &mut Outputs) {
        // Frames have checksums, so this is a sender of another version: counted there, never folded.
        let _ = self.analyze.take(upstream, payload);
    }

    fn provisionals(
        &mut self,
        upstream: Upstream,
        as_of: Position,
        claim: EventTime,
        provisionals: Provisionals<'_>,
        _out: &mut Outputs,
    ) {
        self.analyze.claim(upstream, as_of, claim);
        for payload in provisionals.iter() {
            let _ = self.analyze.provisional(upstream, as_of, payload);
        }
    }

    fn claimed(&self, upstream: Upstream, as_of: Position) -> Option<EventTime> {
        self.analyze.claimed(upstream, as_of)
    }

    fn time(&mut self, now: EventTime, out: &mut Outputs) {
        self.analyze.advance(now, &mut Links { plan: &self.plan, out });
    }
}
