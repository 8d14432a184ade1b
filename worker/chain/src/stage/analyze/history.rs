//! Earlier closes of a scope: the previous one, and what is usual.
//!
//! Only what expressions ask for is kept: one double per value, for the usual ones with the number of closes so far.
//! *Usual* is an exponentially weighted mean with weight 0.1, and is not known before five closes.

use super::plan::PastInput;
use crate::compile::shape::Aggregate;
use crate::row::Cell;
use crate::window::scope::ScopeId;
use crate::window::store::Store;
use crate::wire::{Reader, Writer};

/// Weight of the latest close in what is usual.
const WEIGHT: f64 = 0.1;
/// Closes before anything is usual.
const CLOSES: u8 = 5;

/// One value of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kept {
    value: f64,
    closes: u8,
}

impl Kept {
    const NONE: Self = Self { value: 0.0, closes: 0 };
    const BYTES: usize = 9;

    fn read(input: &mut Reader<'_>) -> Self {
        match (input.f64(), input.u8()) {
            (Ok(value), Ok(closes)) => Self { value, closes },
            _ => Self::NONE,
        }
    }
}

/// What is known of a scope's earlier closes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    inputs: &'a [PastInput],
    bytes: Option<&'a [u8]>,
}

impl<'a> Past<'a> {
    /// Nothing.
    pub(super) const NONE: Self = Self { inputs: &[], bytes: None };

    /// Of a scope in a store of pasts.
    pub(super) fn of(inputs: &'a [PastInput], store: &'a Store, scope: ScopeId) -> Self {
        match inputs.is_empty() {
            true => Self::NONE,
            false => Self { inputs, bytes: store.get(scope) },
        }
    }

    fn find(&self, value: Aggregate, usual: bool) -> Option<Kept> {
        let place = self.inputs.iter().position(|input| input.value == value && input.usual == usual)?;
        let bytes = self.bytes?.get(place * Kept::BYTES..)?;
        Some(Kept::read(&mut Reader::new(bytes))).filter(|kept| kept.closes > 0)
    }

    /// The value at the previous close.
    pub(super) fn previous(&self, value: Aggregate) -> Option<f64> {
        self.find(value, false).map(|kept| kept.value)
    }

    /// The usual value.
    pub(super) fn usual(&self, value: Aggregate) -> Option<f64> {
        self.find(value, true).filter(|kept| kept.closes >= CLOSES).map(|kept| kept.value)
    }
}

/// Appends the past of a scope behind a close whose values `current` gives.
pub(super) fn next(
    past: Past<'_>,
    inputs: &[PastInput],
    current: impl Fn(Aggregate) -> Cell<'static>,
    out: &mut Writer,
) {
    let mut before = Reader::new(past.bytes.unwrap_or_default());
    for input in inputs {
        let kept = Kept::read(&mut before);
        let now = current(input.value).as_f64();
        let next = match (now, input.usual) {
            (None, true) => kept,
            (None, false) => Kept::NONE,
            (Some(value), false) => Kept { value, closes: 1 },
            (Some(value), true) if kept.closes == 0 => Kept { value, closes: 1 },
            (Some(value), true) => {
                Kept { value: kept.value + WEIGHT * (value - kept.value), closes: (kept.closes + 1).min(CLOSES) }
            }
        };
        out.f64(next.value);
        out.u8(next.closes);
    }
}

/// True when bytes are the past of so many inputs.
pub(super) fn is_past(inputs: &[PastInput], bytes: &[u8]) -> bool {
    bytes.len() == inputs.len() * Kept::BYTES
}
