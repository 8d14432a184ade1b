//! Session and count windows: raw events per scope, applied in the order of (time, id).
//!
//! Events wait until time has passed them, so the result is one of the set of events, not of their arrival. What
//! is later than that:
//!
//! * a count window has waited for its lateness already; a later event is counted as too late;
//! * a session takes a late event while its end and lateness lie ahead, and is emitted again ([`super::session`]).
//!
//! The events that wait are bounded by number. Beyond the bound the oldest are applied early (rule R18): an event
//! before them that comes later is late.

use super::count::CountScope;
use super::plan::is_of_panes;
use super::records::Sample;
use super::scope::ScopeId;
use super::session::{SessionRule, SessionScope};
use super::value::{Layout, Measure, Value};
use crate::compile::shape::{LevelIndex, Window, WindowIndex, WindowKind};
use crate::id::Id;
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A closed session or count window.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleClose {
    /// End of the window, exclusive.
    pub end: EventTime,
    /// Which window.
    pub window: WindowIndex,
    /// Which scope.
    pub scope: ScopeId,
    /// Start of the window.
    pub start: EventTime,
    /// Its number in the order of closes of one scope at one end: several count windows may end at one instant.
    pub ordinal: u32,
    /// Zero at the close; a correction has a higher one.
    pub revision: u32,
    /// Set for corrections. No events in a correction: the window that ended here has become part of another one.
    pub correction: bool,
    /// Its events.
    pub value: Value,
}

impl SampleClose {
    /// Orders closes as they are emitted; `key` gives the key of a scope.
    pub fn emission<'a>(&self, other: &Self, key: impl Fn(ScopeId) -> &'a [u8]) -> Ordering {
        let place = |close: &Self| (close.end, close.window);
        let keys = || key(self.scope).cmp(key(other.scope));
        place(self).cmp(&place(other)).then_with(keys).then(self.ordinal.cmp(&other.ordinal))
    }
}

/// An event that waits.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    id: Id,
    scope: ScopeId,
    measures: Box<[Measure]>,
}

impl Held {
    /// Any order in which no two different events are equal.
    fn order(&self, other: &Self) -> Ordering {
        let by_id = self.id.cmp(&other.id).then(self.scope.cmp(&other.scope));
        by_id.then_with(|| self.measures.iter().map(bits).cmp(other.measures.iter().map(bits)))
    }
}

fn bits(measure: &Measure) -> (u8, u64) {
    match measure {
        Measure::None => (0, 0),
        Measure::Number(value) => (1, value.to_bits()),
        Measure::Event => (2, 0),
        Measure::Member(hash) => (3, *hash),
    }
}

#[derive(Debug, Clone)]
enum Scopes {
    Sessions(SessionRule, BTreeMap<ScopeId, SessionScope>),
    Counts { size: u32, slide: u32, scopes: BTreeMap<ScopeId, CountScope> },
}

/// One session or count window of the program.
#[derive(Debug, Clone)]
struct SampleWindow {
    index: WindowIndex,
    levels: Vec<LevelIndex>,
    lateness: Span,
    scopes: Scopes,
    /// Events that wait, by time.
    held: BTreeMap<EventTime, Vec<Held>>,
    held_count: usize,
    /// Every event before this has been applied.
    applied: EventTime,
    too_late: u64,
    early: u64,
}

/// All session and count windows of an analyze task.
#[derive(Debug, Clone)]
pub struct SampleWindows {
    windows: Vec<SampleWindow>,
    bound: usize,
}

/// Events that wait per live scope allowed, and at least so many.
const HELD_PER_SCOPE: usize = 16;
const HELD_MIN: usize = 1 << 18;

impl SampleWindow {
    fn new(index: usize, window: &Window) -> Self {
        let scopes = match window.kind {
            WindowKind::Count { size, slide } => {
                Scopes::Counts { size: size.max(1), slide: slide.clamp(1, size.max(1)), scopes: BTreeMap::new() }
            }
            WindowKind::Session { gap, max_length } => {
                Scopes::Sessions(SessionRule { gap, max_length, lateness: window.lateness }, BTreeMap::new())
            }
            // Windows of panes are left out by the caller.
            WindowKind::Tumbling { size: gap } | WindowKind::Sliding { size: gap, .. } => {
                Scopes::Sessions(SessionRule { gap, max_length: gap, lateness: window.lateness }, BTreeMap::new())
            }
        };
        Self {
            index: WindowIndex(index as u8),
            levels: window.levels.clone(),
            lateness: window.lateness,
            scopes,
            held: BTreeMap::new(),
            held_count: 0,
            applied: EventTime::MIN,
            too_late: 0,
            early: 0,
        }
    }

    fn take(
        &mut self,
        scope: ScopeId,
        sample: &Sample,
        now: EventTime,
        layout: &Layout,
        closes: &mut Vec<SampleClose>,
    ) {
        if sample.time >= self.applied {
            let held = Held { id: sample.id, scope, measures: sample.measures.clone().into() };
            self.held.entry(sample.time).or_default().push(held);
            self.held_count += 1;
            return;
        }
        let taken = match &mut self.scopes {
            Scopes::Sessions(rule, scopes) => {
                let sessions = scopes.entry(scope).or_default();
                sessions.add_late(rule, layout, sample.time, &sample.measures, now, |close| {
                    closes.push(close.into_sample(self.index, scope));
                })
            }
            Scopes::Counts { .. } => false,
        };
        self.too_late += u64::from(!taken);
    }

    /// Applies every event before `until`.
    fn apply(&mut self, until: EventTime, layout: &Layout, closes: &mut Vec<SampleClose>) {
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() < until) {
            let (time, mut events) = entry.remove_entry();
            events.sort_unstable_by(Held::order);
            self.held_count -= events.len();
            for event in events {
                self.apply_one(time, &event, layout, closes);
            }
        }
        self.applied = self.applied.max(until);
    }

    fn apply_one(&mut self, time: EventTime, event: &Held, layout: &Layout, closes: &mut Vec<SampleClose>) {
        match &mut self.scopes {
            Scopes::Sessions(rule, scopes) => {
                scopes.entry(event.scope).or_default().add(rule, layout, time, &event.measures);
            }
            Scopes::Counts { size, slide, scopes } => {
                let scope = scopes.entry(event.scope).or_insert_with(|| CountScope::new(layout));
                if let Some(close) = scope.add(*size, *slide, layout, time, &event.measures) {
                    closes.push(close.into_sample(self.index, event.scope));
                }
            }
        }
    }

    fn advance(&mut self, now: EventTime, layout: &Layout, closes: &mut Vec<SampleClose>) {
        let wait = match self.scopes {
            Scopes::Sessions(..) => Span::ZERO,
            Scopes::Counts { .. } => self.lateness,
        };
        self.apply(now.minus(wait), layout, closes);
        let Scopes::Sessions(rule, scopes) = &mut self.scopes else { return };
        for (scope, sessions) in scopes.iter_mut() {
            sessions.close(rule, now, |close| closes.push(close.into_sample(self.index, *scope)));
        }
        scopes.retain(|_, sessions| !sessions.is_empty());
    }

    /// Applies the oldest events while too many wait.
    fn bound(&mut self, bound: usize, layout: &Layout, closes: &mut Vec<SampleClose>) {
        while self.held_count > bound {
            let Some((time, events)) = self.held.first_key_value() else { return };
            self.early += events.len() as u64;
            let until = *time + Span(1);
            self.apply(until, layout, closes);
        }
    }
}

impl SampleWindows {
    /// The session and count windows among `windows`; `live_scopes` bounds the events that wait.
    pub fn new(windows: &[Window], live_scopes: u32) -> Self {
        let of_samples = windows.iter().enumerate().filter(|(_, window)| !is_of_panes(window.kind));
        let bound = (live_scopes as usize).saturating_mul(HELD_PER_SCOPE).max(HELD_MIN);
        Self { windows: of_samples.map(|(index, window)| SampleWindow::new(index, window)).collect(), bound }
    }

    /// True when the pipeline has no such window.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Takes an event of a scope of `level`. Corrections of closed sessions go to `closes`.
    pub fn take(
        &mut self,
        level: LevelIndex,
        scope: ScopeId,
        sample: &Sample,
        now: EventTime,
        layout: &Layout,
        closes: &mut Vec<SampleClose>,
    ) {
        for window in self.windows.iter_mut().filter(|window| window.levels.contains(&level)) {
            window.take(scope, sample, now, layout, closes);
        }
    }

    /// Applies what time has passed, and closes what has ended; closes go to `closes` in no particular order.
    pub fn advance(&mut self, now: EventTime, layout: &Layout, closes: &mut Vec<SampleClose>) {
        for window in &mut self.windows {
            window.advance(now, layout, closes);
            window.bound(self.bound, layout, closes);
        }
    }

    /// True when no window holds anything of the scope.
    pub fn is_idle(&self, scope: ScopeId) -> bool {
        self.windows.iter().all(|window| match &window.scopes {
            Scopes::Sessions(_, scopes) => !scopes.contains_key(&scope),
            Scopes::Counts { .. } => true,
        })
    }

    /// Forgets a scope.
    pub fn remove(&mut self, scope: ScopeId) {
        for window in &mut self.windows {
            match &mut window.scopes {
                Scopes::Sessions(_, scopes) => drop(scopes.remove(&scope)),
                Scopes::Counts { scopes, .. } => drop(scopes.remove(&scope)),
            }
        }
    }

    /// Per window: its index, events that came too late, events applied early.
    pub fn counts(&self) -> impl Iterator<Item = (WindowIndex, u64, u64)> {
        self.windows.iter().map(|window| (window.index, window.too_late, window.early))
    }

    /// Appends the state; `place` gives a scope's place in key order.
    pub fn save(&self, place: &[u32], out: &mut Writer) {
        for window in &self.windows {
            out.signed(window.applied.0);
            out.varint(window.too_late);
            out.varint(window.early);
            out.varint(window.held.len() as u64);
            for (time, events) in &window.held {
                out.signed(time.0);
                save_held(events, place, out);
            }
            match &window.scopes {
                Scopes::Sessions(_, scopes) => save_scopes(scopes, place, out, SessionScope::save),
                Scopes::Counts { scopes, .. } => save_scopes(scopes, place, out, CountScope::save),
            }
        }
    }

    /// Reads what [`SampleWindows::save`] wrote into a fresh state; `scopes` are numbered by their place.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(&mut self, layout: &Layout, scopes: usize, input: &mut Reader<'_>) -> Result<(), WireError> {
        for window in &mut self.windows {
            window.applied = EventTime(input.signed()?);
            window.too_late = input.varint()?;
            window.early = input.varint()?;
            for _ in 0..input.count()? {
                let time = EventTime(input.signed()?);
                let events = load_held(layout, scopes, input)?;
                window.held_count += events.len();
                window.held.insert(time, events);
            }
            match &mut window.scopes {
                Scopes::Sessions(_, states) => {
                    load_scopes(states, scopes, input, |input| SessionScope::load(layout, input))?
                }
                Scopes::Counts { scopes: states, .. } => {
                    load_scopes(states, scopes, input, |input| CountScope::load(layout, input))?;
                }
            }
        }
        Ok(())
    }
}

fn save_held(events: &[Held], place: &[u32], out: &mut Writer) {
    let at = |event: &Held| place.get(event.scope.index()).copied().unwrap_or(0);
    let mut events: Vec<&Held> = events.iter().collect();
    // By place, not by number.
    events.sort_unstable_by(|left, right| at(left).cmp(&at(right)).then_with(|| left.order(right)));
    out.varint(events.len() as u64);
    for event in events {
        out.varint(u64::from(at(event)));
        Sample::save(EventTime(0), event.id, event.measures.iter().copied(), out);
    }
}

fn load_held(layout: &Layout, scopes: usize, input: &mut Reader<'_>) -> Result<Vec<Held>, WireError> {
    let mut events = Vec::new();
    for _ in 0..input.count()? {
        let scope = load_place(scopes, input)?;
        let Sample { id, measures, .. } = Sample::load(layout, input)?;
        events.push(Held { id, scope, measures: measures.into() });
    }
    Ok(events)
}

fn load_place(scopes: usize, input: &mut Reader<'_>) -> Result<ScopeId, WireError> {
    let place = input.varint()?;
    let known = u32::try_from(place).ok().filter(|place| (*place as usize) < scopes);
    known.map(ScopeId).ok_or_else(|| input.invalid("place of a scope", place))
}

fn save_scopes<T>(scopes: &BTreeMap<ScopeId, T>, place: &[u32], out: &mut Writer, save: impl Fn(&T, &mut Writer)) {
    let mut scopes: Vec<(u32, &T)> =
        scopes.iter().map(|(scope, state)| (place.get(scope.index()).copied().unwrap_or(0), state)).collect();
    scopes.sort_unstable_by_key(|(place, _)| *place);
    out.varint(scopes.len() as u64);
    for (place, state) in scopes {
        out.varint(u64::from(place));
        save(state, out);
    }
}

fn load_scopes<T>(
    states: &mut BTreeMap<ScopeId, T>,
    scopes: usize,
    input: &mut Reader<'_>,
    mut load: impl FnMut(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<(), WireError> {
    for _ in 0..input.count()? {
        let scope = load_place(scopes, input)?;
        states.insert(scope, load(input)?);
    }
    Ok(())
}
