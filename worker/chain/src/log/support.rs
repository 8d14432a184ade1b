//! What the tests of this room share: a fold that writes down what it was told, and senders of frames.

use crate::log::fate::{FateRun, Minute, Reason};
use crate::log::fold::Fold;
use crate::log::frame::{FrameBuilder, FrameBytes, Header, OwnedClaim, Provisionals};
use crate::log::outlet::{LinkSpec, Outputs};
use crate::log::position::{Offset, Position, Upstream};
use crate::log::receive::{Received, Receiver};
use crate::log::rules::Rules;
use crate::time::EventTime;

pub(crate) const U: Upstream = Upstream(0);
pub(crate) const V: Upstream = Upstream(1);

/// `(offset, sub)`.
pub(crate) fn pos(offset: u64, sub: u32) -> Position {
    Position::new(Offset(offset), sub)
}

pub(crate) fn run(offset: u64, count: u64, reason: Reason) -> FateRun {
    FateRun { offset: Offset(offset), count, reason, minute: Minute(7) }
}

/// A frame with one record per position, whose payload says where it stands.
pub(crate) fn frame(u: Upstream, from: Position, to: Position, mark: i64, at: &[Position]) -> FrameBytes {
    let builder = FrameBuilder::new(Header { upstream: u, from, to, mark: EventTime(mark) });
    at.iter().fold(builder, |builder, at| builder.record(*at, at.to_string().as_bytes())).finish()
}

/// A frame without records, with a claim.
pub(crate) fn claiming(u: Upstream, from: Position, to: Position, mark: i64, claim: OwnedClaim) -> FrameBytes {
    FrameBuilder::new(Header { upstream: u, from, to, mark: EventTime(mark) }).claim(claim).finish()
}

/// Writes down what the receive rule tells it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Diary {
    pub records: Vec<(Upstream, Position, Vec<u8>)>,
    pub fates: Vec<(Upstream, FateRun)>,
    /// Records that were below task time when they came: their payload is their event time.
    pub late: Vec<i64>,
    pub hold: Option<EventTime>,
    pub times: Vec<EventTime>,
    pub provisionals: Vec<(Position, i64, usize)>,
}

impl Fold for Diary {
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], _out: &mut Outputs) {
        self.records.push((upstream, at, payload.to_vec()));
        let time = std::str::from_utf8(payload).ok().and_then(|text| text.parse::<i64>().ok());
        if let (Some(time), Some(now)) = (time, self.times.last())
            && time < now.0
        {
            self.late.push(time);
        }
    }

    fn fate(&mut self, upstream: Upstream, run: FateRun, _out: &mut Outputs) {
        self.fates.push((upstream, run));
    }

    fn hold(&self, _upstream: Upstream) -> Option<EventTime> {
        self.hold
    }

    fn time(&mut self, now: EventTime, _out: &mut Outputs) {
        self.times.push(now);
    }

    fn provisionals(&mut self, _: Upstream, as_of: Position, claim: EventTime, all: Provisionals<'_>, _: &mut Outputs) {
        self.provisionals.push((as_of, claim.0, all.len()));
    }
}

/// A receiver of two upstreams with its diary.
pub(crate) struct Reader {
    pub receiver: Receiver,
    pub diary: Diary,
    out: Outputs,
}

impl Reader {
    pub(crate) fn new(rules: Rules) -> Self {
        let receiver = Receiver::new([(U, true), (V, true)], rules);
        Self { receiver, diary: Diary::default(), out: sender(&[], rules) }
    }

    pub(crate) fn fold(&mut self, frame: &FrameBytes) -> Received {
        self.receiver.step(&frame.decode().unwrap(), &mut self.diary, &mut self.out)
    }

    /// Positions of the records taken.
    pub(crate) fn taken(&self) -> Vec<Position> {
        self.diary.records.iter().map(|(_, at, _)| *at).collect()
    }
}

pub(crate) fn link(name: &'static str, partitions: u16, fates: bool) -> LinkSpec {
    LinkSpec { name, partitions, fates, provisionals: false }
}

/// Outputs of upstream [`U`] from the start.
pub(crate) fn sender(links: &[LinkSpec], rules: Rules) -> Outputs {
    Outputs::begin_at(U, links, Offset::ZERO, rules)
}
