//! The slices of an analyze task, and the values of time windows made of them.
//!
//! [`super::classes`] says which slices there are. A slice holds, per scope, the canonical bytes of its value.
//!
//! ```text
//!  pane ─► classes without a base, and slices that are built already (late panes)
//!  time ─► build slices of the other classes ─► close windows: merge the slices that cover them ─► forget
//! ```
//!
//! Beside the slices stand provisional panes ([`super::standing`]), which are read with them and never merged into them.
//!
//! A pane that comes after its slices were built changes them, and makes the closed windows that it lies in, and
//! that still take corrections, dirty.

use super::classes::{Classes, TimeWindow};
use super::scope::{ScopeId, ScopeTable, Tag};
use super::standing::{Beside, Provisional, Standing};
use super::store::Store;
use super::value::{Layout, Value};
use crate::compile::shape::{LevelIndex, WindowIndex};
use crate::log::{Position, Rules, Upstream};
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;

/// A closed window of a scope that a late pane has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dirty {
    /// End of the window.
    pub end: EventTime,
    /// Which window.
    pub window: WindowIndex,
    /// Which scope.
    pub scope: ScopeId,
}

/// A pane as it came over the link.
#[derive(Debug, Clone, Copy)]
pub struct TakenPane<'a> {
    /// Who sent it.
    pub upstream: Upstream,
    /// Where it begins.
    pub start: EventTime,
    /// Where it ends.
    pub end: EventTime,
    /// The level whose windows it counts for.
    pub level: LevelIndex,
    /// Its scope.
    pub scope: ScopeId,
    /// Its value.
    pub bytes: &'a [u8],
}

/// Slices by class and start.
#[derive(Debug, Clone, Default)]
pub struct Slices {
    classes: Classes,
    stores: Vec<BTreeMap<EventTime, Store>>,
    /// What claims rely on, beside the slices.
    standing: Standing,
    /// Behind the last pane that had data.
    horizon: EventTime,
    /// Panes that came too late, per time window.
    too_late: Vec<u64>,
    scratch: Value,
    writer: Writer,
}

/// The slices that make up a window.
#[derive(Debug)]
pub struct Cover<'a> {
    stores: Vec<&'a Store>,
}

impl Cover<'_> {
    /// True when the scope had events in the window.
    #[inline]
    pub fn has(&self, scope: ScopeId) -> bool {
        self.stores.iter().any(|store| store.has(scope))
    }

    /// Adds the scope's events in the window to `value`.
    ///
    /// # Errors
    /// [`WireError`] when a slice holds what is no value; never, for what [`Slices::take`] has taken.
    pub fn merge(&self, scope: ScopeId, value: &mut Value) -> Result<(), WireError> {
        for bytes in self.stores.iter().filter_map(|store| store.get(scope)) {
            value.merge_bytes(&mut Reader::new(bytes))?;
        }
        Ok(())
    }

    /// True when there is not one slice.
    pub fn is_empty(&self) -> bool {
        self.stores.is_empty()
    }
}

impl Slices {
    /// No slices yet.
    pub fn new(classes: Classes, rules: Rules) -> Self {
        let too_late = vec![0; classes.windows.len()];
        let stores = classes.classes.iter().map(|_| BTreeMap::new()).collect();
        let standing = Standing::new(rules);
        Self {
            classes,
            stores,
            standing,
            horizon: EventTime::MIN,
            too_late,
            scratch: Value::default(),
            writer: Writer::new(),
        }
    }

    /// The time windows.
    pub fn windows(&self) -> &[TimeWindow] {
        &self.classes.windows
    }

    /// Behind the last pane that had data.
    pub fn horizon(&self) -> EventTime {
        self.horizon
    }

    /// Per time window: panes that came too late for it.
    pub fn too_late(&self) -> &[u64] {
        &self.too_late
    }

    /// Takes a pane; `now` is the time up to which windows are closed. Closed windows that it changes go to `dirty`: none,
    /// if they have used a provisional that said the same.
    ///
    /// Its bytes are looked at when it is merged: they come from a frame with a checksum, of the same logic version.
    ///
    /// # Errors
    /// [`WireError`] when the bytes prove not to be a value of this layout.
    pub fn take(
        &mut self,
        layout: &Layout,
        pane: TakenPane<'_>,
        now: EventTime,
        dirty: &mut Vec<Dirty>,
    ) -> Result<(), WireError> {
        let TakenPane { upstream, start, end, level, scope, bytes } = pane;
        let beside = self.standing.end(upstream, start, scope, bytes);
        self.horizon = self.horizon.max(end);
        for index in 0..self.classes.classes.len() {
            let class = &self.classes.classes[index];
            let slot = class.slot(start);
            let unbuilt = class.base.is_some() && slot + class.width > now;
            if !class.has_level(level) || unbuilt || class.keep_until(slot) <= now {
                continue;
            }
            self.merge_into(layout, index, slot, scope, bytes)?;
        }
        if end <= now && beside == Beside::Other {
            self.mark_dirty(pane, now, dirty);
        }
        Ok(())
    }

    /// A claim was accepted ([`Standing::claim`]).
    pub fn claim(&mut self, upstream: Upstream, as_of: Position, time: EventTime) {
        self.standing.claim(upstream, as_of, time);
    }

    /// Takes a provisional pane as of a position, as [`Slices::take`] takes a final.
    ///
    /// # Errors
    /// As [`Standing::stand`].
    pub fn stand(
        &mut self,
        layout: &Layout,
        pane: TakenPane<'_>,
        as_of: Position,
        now: EventTime,
        dirty: &mut Vec<Dirty>,
    ) -> Result<(), WireError> {
        let TakenPane { upstream, start, end, scope, bytes, .. } = pane;
        let provisional = Provisional { upstream, pane: (start, end), scope, as_of, bytes };
        if self.standing.stand(layout, provisional)? == Beside::Other && end <= now {
            self.mark_dirty(pane, now, dirty);
        }
        Ok(())
    }

    /// What stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Windows up to `now` are closed.
    pub fn closed(&mut self, now: EventTime) {
        self.standing.closed(now);
    }

    /// Adds a value to a slice.
    fn merge_into(
        &mut self,
        layout: &Layout,
        class: usize,
        slot: EventTime,
        scope: ScopeId,
        bytes: &[u8],
    ) -> Result<(), WireError> {
        let store = self.stores[class].entry(slot).or_default();
        let Some(old) = store.get(scope) else {
            store.put(scope, bytes);
            return Ok(());
        };
        self.scratch.clear(layout);
        self.scratch.merge_bytes(&mut Reader::new(old))?;
        self.scratch.merge_bytes(&mut Reader::new(bytes))?;
        self.writer.clear();
        self.scratch.save(&mut self.writer);
        store.put(scope, self.writer.as_slice());
        Ok(())
    }

    fn mark_dirty(&mut self, pane: TakenPane<'_>, now: EventTime, dirty: &mut Vec<Dirty>) {
        let TakenPane { start, end, level, scope, .. } = pane;
        for (index, window) in self.classes.windows.iter().enumerate() {
            if window.levels >> (level.0 & 127) & 1 == 0 {
                continue;
            }
            let (mut at, last) = window.ends(start, end - start);
            while at <= last && at <= now {
                if at + window.lateness > now {
                    dirty.push(Dirty { end: at, window: window.index, scope });
                } else {
                    self.too_late[index] += 1;
                }
                let next = at + window.slide;
                if next <= at {
                    break;
                }
                at = next;
            }
        }
    }

    /// Builds every slice whose end `now` has passed from those of its base.
    ///
    /// # Errors
    /// As [`Cover::merge`].
    pub fn build(&mut self, layout: &Layout, before: EventTime, now: EventTime) -> Result<(), WireError> {
        for index in 0..self.classes.classes.len() {
            let class = &self.classes.classes[index];
            let Some(base) = class.base else { continue };
            let width = class.width;
            // Slices of the base that lie in slots which end in (before, now].
            let from = if before == EventTime::MIN { EventTime::MIN } else { before.floor(width) };
            let mut slots: Vec<EventTime> =
                self.stores[base].range(from..).map(|(start, _)| class.slot(*start)).collect();
            slots.dedup();
            for slot in slots {
                let end = slot + width;
                if end > before && end <= now {
                    self.build_slot(layout, index, base, slot)?;
                }
            }
        }
        Ok(())
    }

    fn build_slot(&mut self, layout: &Layout, class: usize, base: usize, slot: EventTime) -> Result<(), WireError> {
        let end = slot + self.classes.classes[class].width;
        let parts: Vec<&Store> = self.stores[base].range(slot..end).map(|(_, store)| store).collect();
        let slots = parts.iter().map(|store| store.slots()).max().unwrap_or(0);
        let mut built = Store::with_capacity(slots, parts.iter().map(|store| store.bytes()).max().unwrap_or(0));
        for scope in (0..slots as u32).map(ScopeId) {
            let mut with_scope = parts.iter().filter_map(|store| store.get(scope));
            let Some(first) = with_scope.next() else { continue };
            let Some(second) = with_scope.next() else {
                built.put(scope, first);
                continue;
            };
            self.scratch.clear(layout);
            for bytes in [first, second].into_iter().chain(with_scope) {
                self.scratch.merge_bytes(&mut Reader::new(bytes))?;
            }
            self.writer.clear();
            self.scratch.save(&mut self.writer);
            built.put(scope, self.writer.as_slice());
        }
        self.stores[class].insert(slot, built);
        Ok(())
    }

    /// The end of the next window that closes behind `after` and holds data.
    pub fn next_with_data(&self, window: usize, after: EventTime) -> Option<EventTime> {
        let window = &self.classes.windows[window];
        let narrow = *window.classes.last()?;
        let width = self.classes.classes[narrow].width;
        let first_useful = if after == EventTime::MIN { after } else { after.minus(window.size) + Span(1) };
        let slice = self.stores[narrow].range(first_useful..).next().map(|(start, _)| *start);
        let standing = self.standing.first_slot(first_useful, width);
        let first_end = [slice, standing].into_iter().flatten().min()? + width;
        let end = if after == EventTime::MIN { first_end } else { first_end.max(next_multiple(after, window)) };
        (end > after).then_some(end)
    }

    /// The slices that cover the window that ends at `end`, as few as possible, and what stands for panes in it.
    pub fn cover(&self, window: usize, end: EventTime) -> Cover<'_> {
        let window = &self.classes.windows[window];
        let mut at = end.minus(window.size);
        let mut stores: Vec<&Store> = self.standing.stores(at, end).collect();
        while at < end {
            let fits = |class: &&usize| {
                let width = self.classes.classes[**class].width;
                at.floor(width) == at && at + width <= end
            };
            let Some(class) = window.classes.iter().find(fits) else { break };
            stores.extend(self.stores[*class].get(&at));
            at = at + self.classes.classes[*class].width;
        }
        Cover { stores }
    }

    /// Forgets the slices that no window needs any more.
    pub fn forget(&mut self, now: EventTime) {
        for (class, stores) in self.classes.classes.iter().zip(&mut self.stores) {
            while let Some(entry) = stores.first_entry() {
                if class.keep_until(*entry.key()) > now {
                    break;
                }
                entry.remove();
            }
        }
    }

    /// Forgets a scope.
    pub fn remove(&mut self, scope: ScopeId) {
        for store in self.stores.iter_mut().flat_map(BTreeMap::values_mut) {
            store.remove(scope);
        }
        self.standing.remove(scope);
    }

    /// Appends the slices, scopes by their place in `order`.
    pub fn save(&self, order: &[u32], out: &mut Writer) {
        out.signed(self.horizon.0);
        self.too_late.iter().for_each(|count| out.varint(*count));
        for stores in &self.stores {
            let stores = stores.iter().filter(|(_, store)| !store.is_empty());
            out.varint(stores.clone().count() as u64);
            for (start, store) in stores {
                out.signed(start.0);
                store.save(order, out);
            }
        }
        self.standing.save(order, out);
    }

    /// Reads what [`Slices::save`] wrote for the same classes; `scopes` are numbered by their place.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such slices.
    pub fn load(
        classes: Classes,
        layout: &Layout,
        scopes: &ScopeTable,
        rules: Rules,
        input: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let mut slices = Self::new(classes, rules);
        slices.horizon = EventTime(input.signed()?);
        for count in &mut slices.too_late {
            *count = input.varint()?;
        }
        let mut value = Value::new(layout);
        for stores in &mut slices.stores {
            for _ in 0..input.count()? {
                let start = EventTime(input.signed()?);
                let store = Store::load(input, scopes.slots(), |bytes| value.check(layout, bytes))?;
                stores.insert(start, store);
            }
        }
        slices.standing = Standing::load(layout, scopes, rules, input)?;
        Ok(slices)
    }

    /// Bytes of memory, for reports.
    pub fn memory(&self) -> usize {
        self.stores.iter().flat_map(BTreeMap::values).map(Store::memory).sum::<usize>() + self.standing.memory()
    }

    /// Number of slices, for reports.
    pub fn count(&self) -> usize {
        self.stores.iter().map(BTreeMap::len).sum()
    }
}

/// The first end of a window behind `after`.
pub fn next_multiple(after: EventTime, window: &TimeWindow) -> EventTime {
    after.floor(window.slide) + window.slide
}

/// The level whose windows a key counts for: a cohort's value is that of its level's parent, for the windows of the
/// level.
pub fn level_of(key: &[u8]) -> LevelIndex {
    match Tag::of(key) {
        Tag::Scope(level) | Tag::Cohort(level) => level,
    }
}
