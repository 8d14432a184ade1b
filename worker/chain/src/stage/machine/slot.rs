//! A task with the end of its input log and what it emits into.

use super::{MachineError, Target};
use crate::log::outlet::Due;
use crate::log::{FrameBytes, LinkSpec, Offset, Outcome, OutletIndex, Outputs, Rules, Stage, Upstream, fold_frame};
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

/// A stage's task in the machine.
pub(super) struct Slot<S> {
    pub(super) stage: S,
    pub(super) out: Outputs,
    /// End of its input log: the offset of the next frame.
    next: Offset,
}

impl<S: Stage> Slot<S> {
    pub(super) fn new(stage: S, upstream: Upstream, links: &[LinkSpec], rules: Rules) -> Self {
        let out = Outputs::resume(upstream, links, Offset::ZERO, EventTime::MIN, rules);
        Self { stage, out, next: Offset::ZERO }
    }

    /// Appends a frame to the input log and folds it.
    pub(super) fn fold(&mut self, bytes: &FrameBytes) -> Result<(), MachineError> {
        let frame = bytes.decode()?;
        let received = fold_frame(&mut self.stage, self.next, &frame, &mut self.out);
        self.next = self.next.next();
        match received.outcome {
            Outcome::Gap { .. } => Err(MachineError::Gap { upstream: received.upstream }),
            _ => Ok(()),
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.varint(self.next.0);
        self.stage.save(out);
    }

    pub(super) fn load(
        load: impl FnOnce(&mut Reader<'_>) -> Result<S, WireError>,
        upstream: Upstream,
        links: &[LinkSpec],
        rules: Rules,
        input: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let next = Offset(input.varint()?);
        let stage = load(input)?;
        let out = Outputs::resume(upstream, links, next, stage.mark(), rules);
        Ok(Self { stage, out, next })
    }
}

/// Cuts the next frame of what an owner has to say, in the order of links and partitions. Only feedback goes back without a
/// mark of its own: marks would go round for ever.
pub(super) fn cut_next(
    out: &mut Outputs,
    frame_bytes: usize,
    target: impl Fn(usize, u16) -> Target,
) -> Option<(Target, FrameBytes)> {
    for link in 0..out.link_count() {
        for number in 0..out.partitions(link) {
            let outlet: OutletIndex = out.outlet(link, number);
            let target = target(link, number);
            let least = if matches!(target, Target::Feedback(_)) { Due::Records } else { Due::Mark };
            if out.due(outlet) >= least {
                let frame = out.cut(outlet, frame_bytes);
                out.acked(outlet, frame.sequence);
                return Some((target, frame.bytes));
            }
        }
    }
    None
}
