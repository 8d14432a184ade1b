//! Which slices time windows are made of.
//!
//! A class is a width; its slices are aligned to it. The slices of a class come from those of its *base*, the next
//! narrower class that divides it, when time passes their end; a class without a base takes panes as they come.
//!
//! ```text
//!  panes 10 s ─► class 10 s ─► class 1 m ─► class 5 m        tumbling 10 s, 1 m, 5 m: one slice each
//!                   └──────► class 40 s ─► …                 sliding 1 h / 10 s: covered by slices of 10 s, 40 s, 160 s …
//! ```
//!
//! So a value is merged a few times on its way, not once per window that it lies in, and only as many slices
//! are kept as windows still need. A sliding window takes the widest slices that fit; the helper classes four times
//! as wide as each other keep that number small for any size.

use super::plan::is_of_panes;
use crate::compile::shape::{LevelIndex, Window, WindowIndex, WindowKind};
use crate::time::{EventTime, Span};

/// A class takes at most this many slices of its base; beyond it a class is put between.
const FAN_IN: i64 = 12;
/// Helper classes of sliding windows are this many times as wide as each other.
const HELPER: i64 = 4;

/// A width of slices.
#[derive(Debug, Clone)]
pub struct Class {
    /// Width; slices begin at its multiples.
    pub width: Span,
    /// The class whose slices make up this one's.
    pub base: Option<usize>,
    /// The levels that have slices, one bit each.
    pub levels: u128,
    /// Greatest time from the start of a slice until it is of no use to any window.
    keep: Vec<Keep>,
    /// Widths of the classes that are made of this one.
    feeds: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Keep {
    size: Span,
    slide: Span,
    lateness: Span,
}

impl Class {
    /// The slice of a time.
    #[inline]
    pub fn slot(&self, time: EventTime) -> EventTime {
        time.floor(self.width)
    }

    /// When the slice that begins at `slot` is of no more use: once time has passed this, it is forgotten.
    pub fn keep_until(&self, slot: EventTime) -> EventTime {
        let windows = self.keep.iter().map(|keep| (slot + keep.size).floor(keep.slide) + keep.lateness);
        let feeds = self.feeds.iter().map(|width| slot.floor(*width) + *width);
        windows.chain(feeds).max().unwrap_or(slot + self.width)
    }

    /// True when the class has slices of this level.
    #[inline]
    pub fn has_level(&self, level: LevelIndex) -> bool {
        self.levels >> (level.0 & 127) & 1 == 1
    }
}

/// A time window and the classes that it is covered with.
#[derive(Debug, Clone)]
pub struct TimeWindow {
    /// Which window of the program.
    pub index: WindowIndex,
    /// Length.
    pub size: Span,
    /// Distance of ends.
    pub slide: Span,
    /// Allowed lateness.
    pub lateness: Span,
    /// Levels, one bit each.
    pub levels: u128,
    /// Classes from wide to narrow; the last one is as wide as `slide`.
    pub classes: Vec<usize>,
}

impl TimeWindow {
    /// The ends of the windows that a slice `[start, start + width)` lies in: first, last.
    pub fn ends(&self, start: EventTime, width: Span) -> (EventTime, EventTime) {
        let first = (start + width + self.slide - Span(1)).floor(self.slide);
        (first, (start + self.size).floor(self.slide))
    }
}

/// All classes and time windows of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    /// Narrow to wide: a base stands before what is made of it.
    pub classes: Vec<Class>,
    /// In the order of the program, session and count windows left out.
    pub windows: Vec<TimeWindow>,
}

fn bits(levels: &[LevelIndex]) -> u128 {
    levels.iter().fold(0, |bits, level| bits | 1 << (level.0 & 127))
}

fn size_and_slide(kind: WindowKind) -> Option<(Span, Span)> {
    match kind {
        WindowKind::Tumbling { size } => Some((size, size)),
        WindowKind::Sliding { size, slide } => Some((size, slide)),
        WindowKind::Session { .. } | WindowKind::Count { .. } => None,
    }
}

impl Classes {
    /// For these windows.
    pub fn new(windows: &[Window]) -> Self {
        let mut widths: Vec<i64> = Vec::new();
        for window in windows.iter().filter(|window| is_of_panes(window.kind)) {
            if let Some((size, slide)) = size_and_slide(window.kind) {
                widths.push(slide.0);
                let mut helper = slide.0.saturating_mul(HELPER);
                while size.0 > slide.0 && helper.saturating_mul(2) <= size.0 {
                    widths.push(helper);
                    helper = helper.saturating_mul(HELPER);
                }
            }
        }
        widths.sort_unstable();
        widths.dedup();
        put_between(&mut widths);

        let base_of = |index: usize| (0..index).rev().find(|base| widths[index] % widths[*base] == 0);
        let class = |index| Class {
            width: Span(widths[index]),
            base: base_of(index),
            levels: 0,
            keep: Vec::new(),
            feeds: Vec::new(),
        };
        let mut classes = Self { classes: (0..widths.len()).map(class).collect(), windows: Vec::new() };
        for (index, window) in windows.iter().enumerate() {
            classes.add_window(WindowIndex(index as u8), window);
        }
        classes.link();
        classes
    }

    fn add_window(&mut self, index: WindowIndex, window: &Window) {
        let Some((size, slide)) = size_and_slide(window.kind) else { return };
        let covers = |class: &Class| class.width.0 % slide.0 == 0 && class.width <= size;
        let useful = |class: &Class| class.width == slide || class.width.0.saturating_mul(2) <= size.0;
        let all = self.classes.iter().enumerate().rev();
        let fit: Vec<usize> = all.filter(|(_, class)| covers(class) && useful(class)).map(|(i, _)| i).collect();
        let levels = bits(&window.levels);
        for class in &fit {
            let class = &mut self.classes[*class];
            class.levels |= levels;
            class.keep.push(Keep { size, slide, lateness: window.lateness });
        }
        self.windows.push(TimeWindow { index, size, slide, lateness: window.lateness, levels, classes: fit });
    }

    /// Bases have the levels of what is made of them, and live until it is.
    fn link(&mut self) {
        for index in (0..self.classes.len()).rev() {
            let (width, levels) = (self.classes[index].width, self.classes[index].levels);
            if let Some(base) = self.classes[index].base {
                self.classes[base].levels |= levels;
                self.classes[base].feeds.push(width);
            }
        }
    }
}

/// Puts widths between neighbours that are too far apart, where a whole number of steps allows it.
fn put_between(widths: &mut Vec<i64>) {
    let mut index = 1;
    while index < widths.len() {
        let base = widths[..index].iter().rev().copied().find(|base| widths[index] % base == 0);
        if let Some(base) = base {
            let ratio = widths[index] / base;
            let step = (2..=FAN_IN).rev().find(|step| ratio % step == 0).filter(|_| ratio > FAN_IN);
            if let Some(step) = step {
                widths.insert(index, base * step);
                widths[..=index].sort_unstable();
                widths.dedup();
            }
        }
        index += 1;
    }
}
