//! Regime detectors: their state per scope, and their findings.

use super::inputs::{RegimeSaid, sketch};
use super::plan::{AnalyzePlan, Work};
use crate::alert::explain::number;
use crate::compile::definition::Definition;
use crate::compile::shape::MetricIndex;
use crate::detect::Side;
use crate::detect::regime::{Against, Close, Regime, Shift};
use crate::stage::finding::{Finding, FindingKind};
use crate::time::EventTime;
use crate::window::records::Scalar;
use crate::window::scope::ScopeId;
use crate::window::store::Store;
use crate::window::value::Value;
use crate::wire::{Reader, Snapshot, WireError, Writer};
use smallvec::SmallVec;

/// A scope's closed window.
pub(super) struct Closed<'a> {
    pub(super) scope: ScopeId,
    pub(super) key: &'a [u8],
    pub(super) start: EventTime,
    pub(super) end: EventTime,
    pub(super) value: &'a Value,
}

/// The regime of a scope with the end of the last close that it has seen. One that has seen none for as long as scopes
/// are remembered begins anew.
fn load(plan: &AnalyzePlan, detector: usize, store: &Store, closed: &Closed<'_>) -> Regime {
    let known = store.get(closed.scope).and_then(|bytes| {
        let mut input = Reader::new(bytes);
        let last = EventTime(input.signed().ok()?);
        let regime = Regime::load(&mut input).ok()?;
        (closed.start <= last + plan.keep).then_some(regime)
    });
    known.unwrap_or_else(|| Regime::new(&plan.regimes[detector].0))
}

/// Folds a close into the regimes of a scope.
pub(super) fn fold(
    plan: &AnalyzePlan,
    work: &Work,
    stores: &mut [Store],
    closed: &Closed<'_>,
    mut emit: impl FnMut(&Finding),
) -> SmallVec<[RegimeSaid; 2]> {
    let mut said = SmallVec::new();
    for regime_work in &work.regimes {
        let metric = plan.definition.regimes[regime_work.detector].metric;
        let Some(sketch) = sketch(&plan.layout, closed.value, metric).filter(|sketch| !sketch.is_empty()) else {
            continue;
        };
        let store = &mut stores[regime_work.detector];
        let mut regime = load(plan, regime_work.detector, store, closed);
        let close = Close { window: regime_work.position, start: closed.start, end: closed.end, sketch };
        let verdict = regime.fold(&plan.regimes[regime_work.detector].0, close);
        let mut out = Writer::new();
        out.signed(closed.end.0);
        regime.save(&mut out);
        store.put(closed.scope, out.as_slice());
        if let Some(shift) = &verdict.shift {
            emit(&finding(plan, work, regime_work.detector, closed, shift));
        }
        said.push(RegimeSaid { metric, distance: verdict.distance, shifted: verdict.shift.is_some() });
    }
    said
}

/// True when bytes are a regime as [`fold`] keeps it.
pub(super) fn check(bytes: &[u8]) -> Result<(), WireError> {
    let mut input = Reader::new(bytes);
    input.signed()?;
    Regime::load(&mut input)?;
    input.finish()
}

fn finding(plan: &AnalyzePlan, work: &Work, detector: usize, closed: &Closed<'_>, shift: &Shift) -> Finding {
    let definition = &plan.definition;
    let metric = definition.regimes[detector].metric;
    let name = definition.metric(metric).map_or("", |metric| metric.name.as_str());
    let window = definition.window(work.window).map_or("", |window| window.name.as_str());
    Finding {
        at: closed.end,
        kind: FindingKind::RegimeShift,
        scope: closed.key.to_vec(),
        subject: format!("{name}/{window}"),
        revision: 0,
        since: shift.since,
        window: Some(work.window),
        metric: Some(metric),
        numbers: numbers(plan, detector, shift),
        text: text(definition, metric, closed.key, window, shift),
    }
}

fn text(definition: &Definition, metric: MetricIndex, scope: &[u8], window: &str, shift: &Shift) -> String {
    let unit = definition.unit(metric);
    let name = definition.metric(metric).map_or("", |metric| metric.name.as_str());
    let shown = |value: f64| if unit.is_empty() { number(value) } else { format!("{} {unit}", number(value)) };
    let word = match shift.side {
        Side::Above => "up",
        Side::Below => "down",
    };
    let times = shift.median_ratio.map_or(String::new(), |ratio| format!(" ({} times)", number(ratio)));
    format!(
        "{name} of {} has shifted {word} since {}: median {} → {}{times}, p99 {} → {}. KS distance {} against a bound of {} \
         in {} closes of {window}, {} values against {}.",
        definition.scope_text(scope),
        shift.since,
        shown(shift.before.p50),
        shown(shift.after.p50),
        shown(shift.before.p99),
        shown(shift.after.p99),
        number(shift.distance),
        number(shift.bound.max(shift.min_effect)),
        shift.closes,
        number(shift.n_after as f64),
        number(shift.n_before as f64),
    )
}

fn numbers(plan: &AnalyzePlan, detector: usize, shift: &Shift) -> Vec<(String, Scalar)> {
    let window_name = |position: usize| {
        let window = plan.regimes[detector].1.get(position).and_then(|window| plan.definition.window(*window));
        window.map_or(String::new(), |window| window.name.clone())
    };
    let against = match shift.against {
        Against::Reference => "reference".to_owned(),
        Against::Window(position) => window_name(position),
    };
    let count = |value: u64| Scalar::Int(i64::try_from(value).unwrap_or(i64::MAX));
    let side = match shift.side {
        Side::Above => "above",
        Side::Below => "below",
    };
    [
        ("distance", Scalar::Float(shift.distance)),
        ("bound", Scalar::Float(shift.bound)),
        ("min_effect", Scalar::Float(shift.min_effect)),
        ("against", Scalar::Text(against)),
        ("side", Scalar::Text(side.to_owned())),
        ("differs_most_at", Scalar::Float(shift.at)),
        ("n_before", count(shift.n_before)),
        ("n_after", count(shift.n_after)),
        ("n_evidence", count(shift.n_evidence)),
        ("closes", count(u64::from(shift.closes))),
        ("p50_before", Scalar::Float(shift.before.p50)),
        ("p90_before", Scalar::Float(shift.before.p90)),
        ("p99_before", Scalar::Float(shift.before.p99)),
        ("p50_after", Scalar::Float(shift.after.p50)),
        ("p90_after", Scalar::Float(shift.after.p90)),
        ("p99_after", Scalar::Float(shift.after.p99)),
        ("median_ratio", shift.median_ratio.map_or(Scalar::Null, Scalar::Float)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
