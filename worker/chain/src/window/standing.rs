//! Standing provisionals: open panes of idle upstreams, until their finals come (rule R25.4 to R25.7).
//!
//! ```text
//!  claim of u at next[u] ─► provisionals ─► stand for (u, pane, scope); a newer one replaces, nothing is added
//!  final of (u, pane, scope) ─────────────► ends what stands: it holds those rows too
//!  close, correction ─────────────────────► value = slices (finals) + what stands, over all upstreams
//! ```
//!
//! What a closed window has used goes on standing: it is the window's *credit*. A final or a newer provisional that says the
//! same changes nothing; one that says something else corrects the window, whose whole value is put together anew, for
//! extremes and sets cannot be subtracted. So there is no sum to take back from, and slices never hold a provisional.
//!
//! Bounded by the panes that are open in ingest. A pane of an upstream that never speaks again stands for good.

use super::scope::{ScopeId, ScopeTable};
use super::store::Store;
use super::value::{Layout, Value};
use crate::log::{Position, Rule, Rules, Upstream};
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;

/// What stands for one pane of one upstream.
#[derive(Debug, Clone)]
struct StandingPane {
    end: EventTime,
    /// The upstream's position that the values are as of.
    as_of: Position,
    values: Store,
}

/// What a final or a provisional says beside what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// The same.
    Same,
    /// Something else; nothing standing is the value of no rows.
    Other,
}

/// One value as of a position.
#[derive(Debug, Clone, Copy)]
pub struct Provisional<'a> {
    /// Whose.
    pub upstream: Upstream,
    /// Start and end of its pane.
    pub pane: (EventTime, EventTime),
    /// Its scope.
    pub scope: ScopeId,
    /// The upstream's position that it is as of.
    pub as_of: Position,
    /// Its value.
    pub bytes: &'a [u8],
}

/// All standing provisionals of an analyze task.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// By start, so that those of a window lie together.
    panes: BTreeMap<(EventTime, Upstream), StandingPane>,
    /// Per upstream: the last claim that was accepted, and where.
    claims: BTreeMap<Upstream, (Position, EventTime)>,
    rules: Rules,
}

impl Standing {
    /// Nothing stands.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// A claim was accepted; its provisionals follow.
    pub fn claim(&mut self, upstream: Upstream, as_of: Position, time: EventTime) {
        self.claims.insert(upstream, (as_of, time));
        if !self.rules.has(Rule::StandingStay) {
            self.panes.retain(|(_, other), _| *other != upstream);
        }
    }

    /// Time of the last accepted claim of an upstream, if it stood at exactly `as_of`.
    pub fn claimed(&self, upstream: Upstream, as_of: Position) -> Option<EventTime> {
        self.claims.get(&upstream).filter(|(at, _)| *at == as_of).map(|(_, time)| *time)
    }

    /// Takes a provisional. An older one than what stands says nothing new.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are no value of this layout (looked at only where values are added).
    pub fn stand(&mut self, layout: &Layout, provisional: Provisional<'_>) -> Result<Beside, WireError> {
        let Provisional { upstream, pane: (start, end), scope, as_of, bytes } = provisional;
        let pane =
            self.panes.entry((start, upstream)).or_insert_with(|| StandingPane { end, as_of, values: Store::new() });
        if as_of < pane.as_of {
            return Ok(Beside::Same);
        }
        pane.as_of = as_of;
        match pane.values.get(scope) {
            Some(old) if !self.rules.has(Rule::ProvisionalsReplace) => {
                let (mut sum, mut out) = (Value::new(layout), Writer::new());
                sum.merge_bytes(&mut Reader::new(old))?;
                sum.merge_bytes(&mut Reader::new(bytes))?;
                sum.save(&mut out);
                pane.values.put(scope, out.as_slice());
            }
            Some(old) if old == bytes => return Ok(Beside::Same),
            _ => pane.values.put(scope, bytes),
        }
        Ok(Beside::Other)
    }

    /// A final came: what stands for it ends.
    #[inline]
    pub fn end(&mut self, upstream: Upstream, start: EventTime, scope: ScopeId, bytes: &[u8]) -> Beside {
        if self.panes.is_empty() { Beside::Other } else { self.end_one(upstream, start, scope, bytes) }
    }

    fn end_one(&mut self, upstream: Upstream, start: EventTime, scope: ScopeId, bytes: &[u8]) -> Beside {
        if !self.rules.has(Rule::FinalEndsProvisional) {
            return Beside::Other;
        }
        let Some(pane) = self.panes.get_mut(&(start, upstream)) else { return Beside::Other };
        let said = match pane.values.get(scope) {
            Some(standing) if standing == bytes => Beside::Same,
            _ => Beside::Other,
        };
        pane.values.remove(scope);
        if pane.values.is_empty() {
            self.panes.remove(&(start, upstream));
        }
        said
    }

    /// Windows up to `now` are closed: what they used stays as their credit.
    pub fn closed(&mut self, now: EventTime) {
        if !self.rules.has(Rule::CreditKept) {
            self.panes.retain(|_, pane| pane.end > now);
        }
    }

    /// What stands for panes that begin in `[from, to)`.
    pub(super) fn stores(&self, from: EventTime, to: EventTime) -> impl Iterator<Item = &Store> {
        let first = (from, Upstream(0));
        let last = (to.max(from), Upstream(0));
        self.panes.range(first..last).map(|(_, pane)| &pane.values)
    }

    /// The slot of width `width` of the first pane that stands and whose slot begins at or behind `from`.
    pub(super) fn first_slot(&self, from: EventTime, width: Span) -> Option<EventTime> {
        self.panes.range((from, Upstream(0))..).map(|((start, _), _)| start.floor(width)).find(|slot| *slot >= from)
    }

    /// True when anything stands for a scope.
    pub fn has(&self, scope: ScopeId) -> bool {
        self.panes.values().any(|pane| pane.values.has(scope))
    }

    /// Number of panes that stand, by upstream.
    pub fn len(&self) -> usize {
        self.panes.len()
    }

    /// True when nothing stands.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// Bytes of memory, for reports.
    pub fn memory(&self) -> usize {
        self.panes.values().map(|pane| pane.values.memory()).sum()
    }

    /// Appends the state, scopes by their place in `order`.
    pub fn save(&self, order: &[u32], out: &mut Writer) {
        if !self.rules.has(Rule::StandingIsState) {
            return Self::default().save(order, out);
        }
        out.varint(self.claims.len() as u64);
        for (upstream, (as_of, time)) in &self.claims {
            out.varint(u64::from(upstream.0));
            as_of.save(out);
            out.signed(time.0);
        }
        out.varint(self.panes.len() as u64);
        for ((start, upstream), pane) in &self.panes {
            out.signed(start.0);
            out.varint(u64::from(upstream.0));
            out.signed(pane.end.0);
            pane.as_of.save(out);
            pane.values.save(order, out);
        }
    }

    /// Reads what [`Standing::save`] wrote; `scopes` are numbered by their place.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(layout: &Layout, scopes: &ScopeTable, rules: Rules, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut standing = Self::new(rules);
        for _ in 0..input.count()? {
            let upstream = Upstream(input.varint32()?);
            standing.claims.insert(upstream, (Position::load(input)?, EventTime(input.signed()?)));
        }
        let mut value = Value::new(layout);
        for _ in 0..input.count()? {
            let key = (EventTime(input.signed()?), Upstream(input.varint32()?));
            let end = EventTime(input.signed()?);
            let as_of = Position::load(input)?;
            let values = Store::load(input, scopes.slots(), |bytes| value.check(layout, bytes))?;
            standing.panes.insert(key, StandingPane { end, as_of, values });
        }
        Ok(standing)
    }

    /// Forgets a scope.
    pub fn remove(&mut self, scope: ScopeId) {
        self.panes.values_mut().for_each(|pane| pane.values.remove(scope));
        self.panes.retain(|_, pane| !pane.values.is_empty());
    }
}
