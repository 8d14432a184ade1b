//! Cutting frames and sending them: where a frame ends is the owner's to choose, nothing else is (R1, R9, R10, R24).

use crate::config::MS;
use crate::stage::{Body, link_of};
use crate::topology::is_quiet;
use crate::world::{Delivery, Event, Sending, World};
use logloom_chain::log::outlet::{CutFrame, Due};
use logloom_chain::log::{OutletIndex, Rule};

/// What the broker takes: four times the largest frame target.
const LARGEST_MESSAGE: usize = 4 * 420;
/// Most bytes of provisionals with one claim, beside the records: above any one pane.
const CLAIM_BYTES: usize = 1_600;

impl World<'_> {
    /// Cuts frames when the linger time is over, or when there is much to say.
    pub(crate) fn cut_frames(&mut self, number: usize) {
        let owner = &self.owners[number];
        let full = owner.out.indices().any(|outlet| owner.out.pending_bytes(outlet) > 2 * owner.frame_bytes);
        if !full && self.now - owner.last_cut < owner.linger {
            return;
        }
        self.owners[number].last_cut = self.now;
        self.offer_claim(number);
        let wanted = self.owners[number].copy.is_some();
        let task = self.owners[number].task;
        for outlet in self.owners[number].out.indices() {
            let kind = self.tasks[task].kind;
            let quiet = is_quiet(kind, link_of(&self.tasks[task], outlet)) && !wanted;
            if self.rng.chance(250) {
                continue;
            }
            self.cut_outlet(number, outlet, if quiet { Due::Records } else { Due::Mark });
        }
    }

    /// R3 and R25: a claim goes with what is cut now.
    fn offer_claim(&mut self, number: usize) {
        let owner = &mut self.owners[number];
        let Some(Body::Ingest(task)) = &mut owner.body else { return };
        if owner.held.is_some() {
            return;
        }
        if let Some(claim) = owner.claims.as_mut().and_then(|claims| claims.at(owner.position)) {
            task.claim(claim, CLAIM_BYTES, &mut owner.out);
        }
    }

    fn cut_outlet(&mut self, number: usize, outlet: OutletIndex, least: Due) {
        while self.owners[number].out.due(outlet) >= least {
            let stops = self.rng.chance(80);
            let bytes = self.owners[number].frame_bytes;
            let frame = self.owners[number].out.cut(outlet, bytes);
            self.figures.frames += 1;
            self.figures.split_frames += u64::from(!frame.to.is_between_steps());
            if let Some(provisionals) = frame.bytes.decode().ok().and_then(|frame| frame.claim()?.provisionals) {
                self.figures.provisionals += provisionals.len() as u64;
            }
            self.send(number, outlet, frame);
            if stops {
                break;
            }
        }
    }

    /// R10, the second form: a new session, and per outlet every frame from the first one not contiguously acknowledged.
    pub(crate) fn resend(&mut self, number: usize) {
        self.figures.resends += 1;
        self.trace(|| format!("owner {number} has a delivery error, and sends again in a new session"));
        self.end_session(number);
        // Its checkpoint on the way will not be reported to this session.
        self.owners[number].putting = false;
        for outlet in self.owners[number].out.indices() {
            for frame in self.owners[number].out.resend(outlet) {
                self.send(number, outlet, frame);
            }
        }
    }

    /// A frame goes on its way, behind those before it on the same outlet.
    fn send(&mut self, number: usize, outlet: OutletIndex, frame: CutFrame) {
        let mut delay = self.rng.range(20, 230) * MS;
        if self.strikes(8) {
            self.figures.slow_frames += 1;
            delay = self.rng.range(5_000, 30_000) * MS;
        }
        let task = self.owners[number].task;
        let log = self.tasks[task].outlets[usize::from(outlet.0)];
        let delivery = self.draw_delivery(log, &frame);
        let owner = &mut self.owners[number];
        let at = owner.channels[usize::from(outlet.0)].max(self.now + delay);
        owner.channels[usize::from(outlet.0)] = at;
        let session = owner.session;
        let sending =
            Sending { log, bytes: frame.bytes, owner: number, session, outlet, sequence: frame.sequence, delivery };
        self.at(at, Event::Append(Box::new(sending)));
    }

    fn draw_delivery(&mut self, log: usize, frame: &CutFrame) -> Delivery {
        if frame.bytes.len() > LARGEST_MESSAGE {
            return Delivery::Lost;
        }
        if self.strikes(6) {
            return Delivery::Lost;
        }
        if self.strikes(4) {
            return Delivery::FalseError;
        }
        let may = self.acked_losses > 0 && !self.log_specs[log].readers.is_empty();
        if may && self.strikes(5) {
            self.acked_losses -= 1;
            return Delivery::AckedLost;
        }
        Delivery::Good
    }

    /// A frame reaches its log, or does not.
    pub(crate) fn append(&mut self, mut sending: Sending) {
        let Sending { log, owner, session, outlet, sequence, delivery, .. } = sending;
        if self.current(owner, session).is_none() {
            let until = self.owners[owner].lands_until.get(session).copied();
            if until.is_none_or(|until| self.now > until) {
                return;
            }
        }
        match delivery {
            Delivery::Good | Delivery::FalseError => {
                self.trace(|| describe(&sending));
                self.logs[log].entries.push(sending.bytes);
            }
            Delivery::Lost => {
                self.figures.lost_frames += 1;
                self.trace(|| format!("LOST {}", describe(&sending)));
                if !self.has(Rule::ResendInOrder) && sending.bytes.len() <= LARGEST_MESSAGE {
                    sending.delivery = Delivery::Good;
                    return self.after((1_300, 5_000), Event::Append(Box::new(sending)));
                }
            }
            Delivery::AckedLost => {
                self.figures.acked_lost_frames += 1;
                self.trace(|| format!("ACKED AND LOST {}", describe(&sending)));
            }
        }
        match delivery {
            Delivery::Good | Delivery::AckedLost => {
                let slow = self.strikes(20);
                let range = if slow { (2_600, 13_000) } else { (20, 260) };
                self.after(range, Event::Ack { owner, session, outlet, sequence });
            }
            Delivery::Lost | Delivery::FalseError => {
                self.figures.false_errors += u64::from(delivery == Delivery::FalseError);
                self.after((300, 8_000), Event::Fail { owner, session });
            }
        }
    }
}

fn describe(sending: &Sending) -> String {
    let Sending { log, owner, .. } = sending;
    match sending.bytes.decode() {
        Ok(frame) => {
            let claim = frame.claim().map_or(i64::MIN, |claim| claim.time.0);
            let (from, to, records) = (frame.from(), frame.to(), frame.record_count());
            format!(
                "log {log} gets {} [{from}, {to}) mark {} claim {claim}, {records} records, by owner {owner}",
                frame.upstream(),
                frame.mark().0
            )
        }
        Err(error) => format!("log {log} gets {error}"),
    }
}
