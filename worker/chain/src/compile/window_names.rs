//! The names of window expressions: aggregates of the window, of what it is compared with, and of detectors.
//!
//! ```text
//!  count  rate  errors  p99(latency_ms)  quantile(latency_ms, 0.999)  sum(m) avg(m) min(m) max(m) count(m) distinct(m)
//!  previous.…  usual.…  parent.…  baseline.…        the same of another window
//!  regime.shifted(m)  regime.distance(m)  baseline.anomalous(m)  baseline.ratio(m)
//!  service                                          a dimension of the scope
//! ```
//!
//! Each distinct name gets one cell; the stage computes those cells when the window closes.

use super::detect::Detectors;
use super::findings::{Findings, list};
use super::shape::{
    Aggregate, LevelIndex, Metric, MetricIndex, MetricKind, Reference, Window, WindowExpression, WindowIndex,
    WindowInput,
};
use super::windows::Scopes;
use crate::expr::{Argument, CallResolution, Environment, Variable, Wanted};
use std::sync::Arc;

/// What names can mean in a pipeline.
#[derive(Clone, Copy)]
pub(super) struct Names<'n> {
    pub(super) scopes: &'n Scopes,
    pub(super) metrics: &'n [Metric],
    pub(super) windows: &'n [Window],
}

impl Names<'_> {
    pub(super) fn metric(&self, name: &str) -> Option<MetricIndex> {
        self.metrics.iter().position(|metric| metric.name == name).map(|index| MetricIndex(index as u16))
    }

    pub(super) fn metric_kind(&self, metric: MetricIndex) -> MetricKind {
        self.metrics[usize::from(metric.0)].kind
    }

    pub(super) fn metric_names(&self) -> Vec<&str> {
        self.metrics.iter().map(|metric| metric.name.as_str()).collect()
    }

    pub(super) fn window_names(&self) -> Vec<&str> {
        self.windows.iter().map(|window| window.name.as_str()).collect()
    }
}

/// The window and scope that an expression is about.
#[derive(Clone, Copy)]
pub(super) struct About<'n> {
    pub(super) names: Names<'n>,
    pub(super) detectors: &'n Detectors,
    pub(super) window: WindowIndex,
    pub(super) level: LevelIndex,
}

impl About<'_> {
    /// Compiles an expression about this window.
    pub(super) fn compile(
        &self,
        path: &str,
        text: &str,
        wanted: Wanted,
        findings: &mut Findings,
    ) -> Option<WindowExpression> {
        let mut environment = WindowEnvironment { about: *self, inputs: Vec::new() };
        let expression = findings.compile(path, text, &mut environment, wanted)?;
        Some(WindowExpression { expression, inputs: Arc::new(environment.inputs) })
    }
}

struct WindowEnvironment<'n> {
    about: About<'n>,
    inputs: Vec<WindowInput>,
}

/// A name that has a meaning, or why it has not.
type Meaning = Result<WindowInput, Refusal>;

struct Refusal {
    argument: Option<usize>,
    message: String,
    remedy: String,
}

fn refuse<T>(argument: Option<usize>, message: impl Into<String>, remedy: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { argument, message: message.into(), remedy: remedy.into() })
}

const PREFIXES: [(&str, Reference); 4] = [
    ("previous.", Reference::Previous),
    ("usual.", Reference::Usual),
    ("baseline.", Reference::Baseline),
    ("parent.", Reference::Parent),
];

fn split_prefix(name: &str) -> (Reference, &str) {
    let found = PREFIXES.iter().find_map(|(prefix, of)| Some((*of, name.strip_prefix(prefix)?)));
    found.unwrap_or((Reference::Window, name))
}

impl WindowEnvironment<'_> {
    fn cell(&mut self, input: WindowInput) -> Variable {
        let kind = input.kind();
        let place = self.inputs.iter().position(|known| *known == input).unwrap_or_else(|| {
            self.inputs.push(input);
            self.inputs.len() - 1
        });
        Variable::new(place as u16, kind)
    }

    /// A bare name.
    fn meaning(&self, path: &str) -> Option<Meaning> {
        let (of, name) = split_prefix(path);
        let aggregate = |value| Some(self.about(of, value));
        match name {
            "count" => return aggregate(Aggregate::Count),
            "rate" => return aggregate(Aggregate::Rate),
            _ => {}
        }
        if let Some(metric) = self.about.names.metric(name) {
            return match self.about.names.metric_kind(metric) {
                MetricKind::Counter => aggregate(Aggregate::MetricCount(metric)),
                MetricKind::Ratio { .. } | MetricKind::Rate { .. } => aggregate(Aggregate::Derived(metric)),
                MetricKind::Distinct => {
                    Some(refuse(None, format!("`{name}` is a set, not a number"), format!("say distinct({name})")))
                }
                MetricKind::Distribution => Some(refuse(
                    None,
                    format!("`{name}` is a distribution, not one number"),
                    format!("say p99({name}), avg({name}), max({name}) or count({name})"),
                )),
            };
        }
        if of == Reference::Window
            && let Some(dimension) = self.about.names.scopes.dimension(name)
        {
            return Some(Ok(WindowInput::Dimension(dimension)));
        }
        None
    }

    /// A reference needs what it refers to.
    fn about(&self, of: Reference, value: Aggregate) -> Meaning {
        let about = &self.about;
        match of {
            Reference::Parent if about.names.scopes.levels[usize::from(about.level.0)].parent.is_none() => refuse(
                None,
                "this scope has no parent",
                "add a coarser scope to `spec.scopes`, with a part of these dimensions",
            ),
            Reference::Baseline => {
                let metric = match value {
                    Aggregate::MetricCount(metric)
                    | Aggregate::Sum(metric)
                    | Aggregate::Mean(metric)
                    | Aggregate::Min(metric)
                    | Aggregate::Max(metric)
                    | Aggregate::Quantile(metric, _) => metric,
                    _ => {
                        return refuse(
                            None,
                            "a baseline is one metric's distribution over sibling scopes",
                            "say for example baseline.p99(latency_ms)",
                        );
                    }
                };
                self.needs_baseline(metric)?;
                Ok(WindowInput::Aggregate { of, value })
            }
            _ => Ok(WindowInput::Aggregate { of, value }),
        }
    }

    fn needs_baseline(&self, metric: MetricIndex) -> Result<(), Refusal> {
        let about = &self.about;
        let has = about.detectors.baselines.iter().any(|baseline| {
            baseline.metric == metric && baseline.window == about.window && baseline.level == about.level
        });
        if has {
            return Ok(());
        }
        let name = &about.names.metrics[usize::from(metric.0)].name;
        let window = &about.names.windows[usize::from(about.window.0)].name;
        let level = &about.names.scopes.shown()[usize::from(about.level.0)];
        refuse(
            None,
            format!("no baseline of `{name}` is kept for window `{window}` and scope {level}"),
            format!("add `detect.baseline` with metric {name}, window {window} and an `among` that ends this scope"),
        )
    }

    fn needs_regime(&self, metric: MetricIndex) -> Result<(), Refusal> {
        let about = &self.about;
        let has = about
            .detectors
            .regimes
            .iter()
            .any(|regime| regime.metric == metric && regime.windows.contains(&about.window));
        if has {
            return Ok(());
        }
        let name = &about.names.metrics[usize::from(metric.0)].name;
        let window = &about.names.windows[usize::from(about.window.0)].name;
        refuse(
            None,
            format!("no regime of `{name}` is watched on window `{window}`"),
            format!("add `detect.regime` with metric {name} and window {window}"),
        )
    }

    /// A call; none when the language may know it.
    fn function(&self, function: &str, arguments: &[Argument<'_>]) -> Option<Meaning> {
        let one =
            |wanted: &[&str]| -> Result<MetricIndex, Refusal> { self.metric_argument(function, arguments, wanted) };
        match function {
            "regime.shifted" => {
                return Some(
                    one(&["value"]).and_then(|m| self.needs_regime(m).map(|()| WindowInput::RegimeShifted(m))),
                );
            }
            "regime.distance" => {
                return Some(
                    one(&["value"]).and_then(|m| self.needs_regime(m).map(|()| WindowInput::RegimeDistance(m))),
                );
            }
            "baseline.anomalous" => {
                return Some(one(&["value"]).and_then(|m| self.needs_baseline(m).map(|()| WindowInput::Anomalous(m))));
            }
            "baseline.ratio" => {
                return Some(
                    one(&["value"]).and_then(|m| self.needs_baseline(m).map(|()| WindowInput::BaselineRatio(m))),
                );
            }
            _ => {}
        }
        let (of, name) = split_prefix(function);
        let value = match name {
            "count" => one(&["value", "countWhere"]).map(Aggregate::MetricCount),
            "distinct" => one(&["distinct"]).map(Aggregate::Distinct),
            "sum" => one(&["value"]).map(Aggregate::Sum),
            "avg" | "mean" => one(&["value"]).map(Aggregate::Mean),
            "min" => one(&["value"]).map(Aggregate::Min),
            "max" => one(&["value"]).map(Aggregate::Max),
            "quantile" => self.quantile(arguments),
            _ => match percentile(name) {
                Some(q) => one(&["value"]).map(|metric| Aggregate::Quantile(metric, q)),
                None => return None,
            },
        };
        Some(value.and_then(|value| self.about(of, value)))
    }

    fn quantile(&self, arguments: &[Argument<'_>]) -> Result<Aggregate, Refusal> {
        let [metric, q] = arguments else {
            return refuse(None, "quantile takes a metric and a number", "say for example quantile(latency_ms, 0.999)");
        };
        let metric = self.metric_argument("quantile", std::slice::from_ref(metric), &["value"])?;
        match q.number() {
            Some(q) if (0.0..=1.0).contains(&q) => Ok(Aggregate::Quantile(metric, q)),
            _ => refuse(Some(1), "the quantile must be a number from 0 to 1", "say for example 0.99"),
        }
    }

    fn metric_argument(
        &self,
        function: &str,
        arguments: &[Argument<'_>],
        wanted: &[&str],
    ) -> Result<MetricIndex, Refusal> {
        let known = self.about.names.metric_names();
        let [argument] = arguments else {
            return refuse(
                None,
                format!("{function} takes one metric"),
                format!("say {function}(METRIC) with one of {}", list(&known)),
            );
        };
        let metric = argument.path.as_deref().and_then(|name| self.about.names.metric(name));
        let Some(metric) = metric else {
            return refuse(
                Some(0),
                format!("`{}` is no metric", argument.text),
                format!("use one of {}, or define it in `spec.metrics`", list(&known)),
            );
        };
        let field = match self.about.names.metric_kind(metric) {
            MetricKind::Distribution => "value",
            MetricKind::Counter => "countWhere",
            MetricKind::Distinct => "distinct",
            MetricKind::Ratio { .. } | MetricKind::Rate { .. } => "ratio",
        };
        if wanted.contains(&field) {
            return Ok(metric);
        }
        let message =
            format!("{function} needs a metric with `{}`, `{}` has `{field}`", wanted.join("` or `"), argument.text);
        refuse(Some(0), message, "name another metric, or use a function that fits")
    }
}

/// `p99` is 0.99, `p999` 0.999, `p50` 0.5.
fn percentile(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    if !(1..=4).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    match digits.len() {
        1 | 2 => Some(f64::from(number) / 100.0),
        3 if number == 100 => Some(1.0),
        length => Some(f64::from(number) / 10f64.powi(length as i32)),
    }
}

impl Environment for WindowEnvironment<'_> {
    fn variable(&mut self, path: &str) -> Option<Variable> {
        let meaning = self.meaning(path)?.ok()?;
        Some(self.cell(meaning))
    }

    fn call(&mut self, function: &str, arguments: &[Argument<'_>]) -> CallResolution {
        match self.function(function, arguments) {
            None => CallResolution::Unknown,
            Some(Ok(input)) => CallResolution::Variable(self.cell(input)),
            Some(Err(refusal)) => {
                CallResolution::Refused { argument: refusal.argument, message: refusal.message, remedy: refusal.remedy }
            }
        }
    }

    fn suggestions(&self) -> Vec<String> {
        let names = &self.about.names;
        let mut all: Vec<String> = [
            "count",
            "rate",
            "p50(",
            "p90(",
            "p99(",
            "quantile(",
            "avg(",
            "sum(",
            "min(",
            "max(",
            "count(",
            "distinct(",
        ]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
        let plain = |metric: &&Metric| !matches!(metric.kind, MetricKind::Distribution | MetricKind::Distinct);
        all.extend(names.metrics.iter().filter(plain).map(|metric| metric.name.clone()));
        all.extend(names.scopes.dimensions.iter().cloned());
        all
    }

    fn remedy(&self, path: &str) -> Option<String> {
        match self.meaning(path) {
            Some(Err(refusal)) => Some(format!("{}: {}", refusal.message, refusal.remedy)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_read_as_people_write_them() {
        let read: Vec<Option<f64>> =
            ["p50", "p9", "p99", "p999", "p9999", "p100", "p0", "p", "price"].map(percentile).to_vec();
        assert_eq!(
            read,
            [Some(0.5), Some(0.09), Some(0.99), Some(0.999), Some(0.9999), Some(1.0), Some(0.0), None, None]
        );
    }
}
