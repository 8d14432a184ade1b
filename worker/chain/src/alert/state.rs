//! The state machine of one alert rule for one scope.
//!
//! ```text
//!             true                    `for` closes in a row                `resolve_after` closes in a row clear
//!  (nothing) ─────► pending(1 … for) ───────────────────────► firing ───────────────────────────────────────► (nothing)
//!      ▲               │ not true                               │ ▲ not clear: count begins again
//!      └───────────────┘                                        └─┘
//! ```
//!
//! *Clear* is `resolveWhen` if the rule has one, else "`when` is not true": between the two thresholds a firing alert
//! stays (hysteresis). A close that *cannot tell* (too few samples, with dynamic scoping) changes nothing by itself;
//! [`SILENT_CLOSES`] of them in a row end a pending run and resolve a firing alert.

use crate::time::EventTime;
use crate::window::plan::SILENT_CLOSES;
use crate::wire::{Reader, WireError, Writer};

/// What a close says of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold, or it has no value.
    False,
    /// There are too few samples to tell.
    Unknown,
}

impl Truth {
    /// Of a condition; without a value it does not hold.
    pub fn of(condition: Option<bool>) -> Self {
        if condition == Some(true) { Self::True } else { Self::False }
    }
}

/// How many closes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Closes in a row before it fires.
    pub for_closes: u32,
    /// Closes in a row before it is resolved.
    pub resolve_after: u32,
}

/// One evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// End of the window.
    pub end: EventTime,
    /// `when`.
    pub when: Truth,
    /// `resolveWhen`, if the rule has one.
    pub resolve: Option<Truth>,
}

/// Why a firing alert was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The condition was clear for long enough.
    Clear,
    /// The scope had no events for [`SILENT_CLOSES`] closes and was forgotten.
    Silent,
    /// The scope had too few samples for [`SILENT_CLOSES`] closes.
    TooFew,
}

impl Resolution {
    /// Its code in records.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The resolution of a code.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Clear, Self::Silent, Self::TooFew].into_iter().find(|resolution| resolution.code() == code)
    }

    /// Its word in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Silent => "silent",
            Self::TooFew => "too_few_samples",
        }
    }
}

/// What a close changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing that anybody must know.
    Nothing,
    /// It fires from now on.
    Fires,
    /// It was firing and is resolved.
    Resolved(Resolution),
}

/// The state of a rule for a scope that is not inactive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertState {
    /// End of the first close of the run.
    pub since: EventTime,
    /// End of the close at which it fired, once it has.
    pub fired: Option<EventTime>,
    /// End of the last close.
    pub last: EventTime,
    /// Closes in a row for which `when` was true.
    pub closes: u32,
    /// Closes in a row that were clear, while firing.
    clear: u32,
    /// Closes in a row that could not tell.
    unknown: u32,
}

impl AlertState {
    /// Folds a close into the state; none is inactive.
    pub fn step(state: &mut Option<Self>, policy: Policy, close: Close) -> Step {
        match state {
            None => {
                if close.when != Truth::True {
                    return Step::Nothing;
                }
                let begun = Self { since: close.end, fired: None, last: close.end, closes: 0, clear: 0, unknown: 0 };
                state.insert(begun).run(policy, close)
            }
            Some(alert) => {
                let step = match alert.fired {
                    None => alert.pending(policy, close),
                    Some(_) => alert.firing(policy, close),
                };
                match step {
                    Some(Step::Nothing | Step::Fires) => step.unwrap_or(Step::Nothing),
                    Some(Step::Resolved(resolution)) => {
                        *state = None;
                        Step::Resolved(resolution)
                    }
                    None => {
                        *state = None;
                        Step::Nothing
                    }
                }
            }
        }
    }

    /// Ends whatever there is, for a scope that is forgotten.
    pub fn forget(state: &mut Option<Self>) -> Step {
        match state.take() {
            Some(Self { fired: Some(_), .. }) => Step::Resolved(Resolution::Silent),
            _ => Step::Nothing,
        }
    }

    /// Another close for which the condition holds.
    fn run(&mut self, policy: Policy, close: Close) -> Step {
        self.closes = self.closes.saturating_add(1);
        self.last = close.end;
        if self.fired.is_none() && self.closes >= policy.for_closes {
            self.fired = Some(close.end);
            return Step::Fires;
        }
        Step::Nothing
    }

    /// `None` when the run is broken.
    fn pending(&mut self, policy: Policy, close: Close) -> Option<Step> {
        match close.when {
            Truth::True => {
                self.unknown = 0;
                Some(self.run(policy, close))
            }
            Truth::False => None,
            Truth::Unknown => {
                self.unknown += 1;
                (i64::from(self.unknown) < SILENT_CLOSES).then_some(Step::Nothing)
            }
        }
    }

    fn firing(&mut self, policy: Policy, close: Close) -> Option<Step> {
        self.last = close.end;
        if close.when == Truth::Unknown {
            self.unknown += 1;
            let gone = i64::from(self.unknown) >= SILENT_CLOSES;
            return Some(if gone { Step::Resolved(Resolution::TooFew) } else { Step::Nothing });
        }
        self.unknown = 0;
        self.closes = if close.when == Truth::True { self.closes.saturating_add(1) } else { 0 };
        let is_clear = match close.resolve {
            Some(resolve) => resolve == Truth::True,
            None => close.when == Truth::False,
        };
        self.clear = if is_clear { self.clear + 1 } else { 0 };
        let resolved = self.clear >= policy.resolve_after.max(1);
        Some(if resolved { Step::Resolved(Resolution::Clear) } else { Step::Nothing })
    }

    /// Closes in a row that were clear.
    pub fn clear_closes(&self) -> u32 {
        self.clear
    }

    /// Appends the state.
    pub fn save(&self, out: &mut Writer) {
        out.signed(self.since.0);
        out.option(self.fired, |out, fired| out.signed(fired.0));
        out.signed(self.last.0);
        for count in [self.closes, self.clear, self.unknown] {
            out.varint(u64::from(count));
        }
    }

    /// Reads what [`AlertState::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            since: EventTime(input.signed()?),
            fired: input.option(|input| input.signed().map(EventTime))?,
            last: EventTime(input.signed()?),
            closes: input.varint32()?,
            clear: input.varint32()?,
            unknown: input.varint32()?,
        })
    }
}
