//! Charts as inline SVG: small multiples of a scope, and the time line of faults.
//!
//! A chart scales with its place (`viewBox`, no fixed width), takes its colours from the page's style sheet, and says what
//! it shows in `title` and `desc`. Nothing is told by colour alone: lines differ in their stroke, faults are hatched, alerts
//! are triangles and findings are diamonds.

use logloom_chain::alert::explain::number;
use logloom_chain::time::EventTime;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 132.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 20.0;

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name.
    pub label: String,
    /// Time in microseconds since 1970, and value.
    pub points: Vec<(i64, f64)>,
}

/// What stands over the lines.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A fault from start to end.
    Fault(i64, i64, String),
    /// An alert fires.
    Alert(i64, String),
    /// A detector finds something.
    Finding(i64, String),
}

/// A chart of one measure of one scope.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Unique in the page.
    pub id: String,
    /// What it shows, for the one who does not see it.
    pub title: String,
    /// Unit of the values.
    pub unit: String,
    /// First and last instant of the axis.
    pub span: (i64, i64),
    /// The lines; the first is drawn strongest.
    pub lines: Vec<Line>,
    /// What stands over them.
    pub marks: Vec<Mark>,
}

/// Text inside an element or an attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML, and nothing to see.
            control if control.is_control() && control != '\n' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Hours and minutes of an instant, UTC.
pub fn clock(micros: i64) -> String {
    EventTime(micros).to_string().get(11..16).unwrap_or("?").to_owned()
}

/// The next of 1, 2, 2.5, 5 times a power of ten that is not below.
fn nice(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let magnitude = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * magnitude).find(|nice| *nice >= value * 0.999).unwrap_or(10.0 * magnitude)
}

/// A step of the time axis that gives five ticks at most, in microseconds.
fn time_step(span: i64) -> i64 {
    const MINUTES: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1_440];
    let steps = MINUTES.map(|minutes| minutes * 60_000_000);
    steps.into_iter().find(|step| span / step <= 5).unwrap_or(span.max(5) / 5)
}

fn time_ticks((start, end): (i64, i64)) -> impl Iterator<Item = i64> {
    let step = time_step(end - start);
    let first = start.div_euclid(step) * step;
    (0..64).map(move |number| first + number * step).filter(move |tick| (start..=end).contains(tick))
}

/// Pixels of an instant.
fn across(time: i64, (start, end): (i64, i64), left: f64, right: f64) -> f64 {
    let share = (time - start) as f64 / (end - start).max(1) as f64;
    left + share.clamp(0.0, 1.0) * (right - left)
}

impl Chart {
    fn x(&self, time: i64) -> f64 {
        across(time, self.span, LEFT, WIDTH - RIGHT)
    }

    /// The chart as SVG.
    pub fn svg(&self) -> String {
        let greatest = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(0.0, f64::max);
        let top = nice(greatest);
        let y = |value: f64| HEIGHT - BOTTOM - value.max(0.0) / top * (HEIGHT - TOP - BOTTOM);
        let mut svg = String::with_capacity(4_096);
        let (id, title) = (escape(&self.id), escape(&self.title));
        let _ = write!(
            svg,
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{}</desc>",
            escape(&self.description(greatest)),
        );
        self.faults(&mut svg);
        for value in [0.0, top / 2.0, top] {
            let at = y(value);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 4.0,
                at + 3.0,
                number(value),
            );
        }
        for tick in time_ticks(self.span) {
            let at = self.x(tick);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{at:.1} {:.1}v3\"/><text class=\"tick mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - 5.0,
                clock(tick)
            );
        }
        for (index, line) in self.lines.iter().enumerate() {
            let mut path = String::new();
            for (place, (time, value)) in line.points.iter().filter(|(_, value)| value.is_finite()).enumerate() {
                let _ = write!(path, "{}{:.1} {:.1}", if place == 0 { 'M' } else { 'L' }, self.x(*time), y(*value));
            }
            let _ = write!(svg, "<path class=\"line l{index}\" d=\"{path}\"/>");
        }
        self.signals(&mut svg);
        svg.push_str("</svg>");
        svg
    }

    fn faults(&self, svg: &mut String) {
        for mark in &self.marks {
            if let Mark::Fault(start, end, text) = mark {
                let (from, to) = (self.x(*start), self.x(*end));
                let _ = write!(
                    svg,
                    "<g><title>{}</title><rect class=\"fault\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/></g>",
                    escape(text),
                    to - from,
                    HEIGHT - TOP - BOTTOM,
                );
            }
        }
    }

    fn signals(&self, svg: &mut String) {
        for mark in &self.marks {
            match mark {
                Mark::Fault(..) => {}
                Mark::Alert(at, text) => {
                    let (x, foot) = (self.x(*at), HEIGHT - BOTTOM);
                    let _ = write!(
                        svg,
                        "<g class=\"alert\"><title>{}</title><path class=\"stem\" d=\"M{x:.1} 14V{foot:.1}\"/><path d=\"{}\"/></g>",
                        escape(text),
                        triangle(x, 9.0),
                    );
                }
                Mark::Finding(at, text) => {
                    let _ = write!(
                        svg,
                        "<g class=\"finding\"><title>{}</title><path d=\"{}\"/></g>",
                        escape(text),
                        diamond(self.x(*at), 9.0)
                    );
                }
            }
        }
    }

    /// What a person sees at a glance, as a sentence.
    fn description(&self, greatest: f64) -> String {
        let with_unit = |value: f64| format!("{} {}", number(value), self.unit).trim_end().to_owned();
        let mut text = format!("From {} to {} UTC.", clock(self.span.0), clock(self.span.1));
        for line in &self.lines {
            let values = || line.points.iter().map(|(_, value)| *value);
            let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
            if least.is_finite() {
                let _ = write!(text, " {}: {} to {}.", line.label, with_unit(least), with_unit(most));
            }
        }
        if greatest == 0.0 {
            text.push_str(" Always zero.");
        }
        for mark in &self.marks {
            let _ = match mark {
                Mark::Fault(start, end, fault) => {
                    write!(text, " Fault from {} to {}: {fault}.", clock(*start), clock(*end))
                }
                Mark::Alert(at, alert) => write!(text, " Alert at {}: {alert}.", clock(*at)),
                Mark::Finding(at, finding) => write!(text, " Finding at {}: {finding}.", clock(*at)),
            };
        }
        text
    }
}

fn triangle(x: f64, y: f64) -> String {
    format!("M{x:.1} {:.1}l5 -9h-10z", y + 5.0)
}

fn diamond(x: f64, y: f64) -> String {
    format!("M{x:.1} {:.1}l4.5 4.5l-4.5 4.5l-4.5 -4.5z", y - 4.5)
}

/// One row of the time line: a fault, and the signals that find it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// Where.
    pub place: String,
    /// The fault's start and end.
    pub fault: (i64, i64),
    /// Times of alerts (true) and findings.
    pub signals: Vec<(i64, bool)>,
}

/// The time line of all faults: a lane each, and an axis. Places are shares of the width, so that shapes and text keep their
/// size on a phone. A table says the same in words.
pub fn time_line(rows: &[Row], span: (i64, i64)) -> String {
    let mut html = String::from("<div class=\"lanes\" aria-hidden=\"true\">");
    let share = |time| across(time, span, 0.0, 100.0);
    for row in rows {
        let (from, to) = (share(row.fault.0), share(row.fault.1));
        let _ = write!(
            html,
            "<p><strong>{}</strong> {}</p><svg width=\"100%\" height=\"22\"><line class=\"grid\" x2=\"100%\" y1=\"16\" y2=\"16\"/>\
             <rect class=\"fault\" x=\"{from:.2}%\" y=\"9\" width=\"{:.2}%\" height=\"12\"/>",
            escape(&row.label),
            escape(&row.place),
            to - from,
        );
        for is_alert in [false, true] {
            let (class, shape) = if is_alert { ("alert", triangle(0.0, 4.5)) } else { ("finding", diamond(0.0, 15.0)) };
            let times: BTreeSet<i64> =
                row.signals.iter().filter(|signal| signal.1 == is_alert).map(|signal| signal.0).collect();
            for at in times {
                let _ = write!(
                    html,
                    "<svg x=\"{:.2}%\" class=\"{class}\" overflow=\"visible\"><path d=\"{shape}\"/></svg>",
                    share(at)
                );
            }
        }
        html.push_str("</svg>");
    }
    html.push_str("<svg width=\"100%\" height=\"18\">");
    for tick in time_ticks(span) {
        let at = share(tick);
        let anchor = if at < 4.0 {
            ""
        } else if at > 96.0 {
            " end"
        } else {
            " mid"
        };
        let _ = write!(html, "<text class=\"tick{anchor}\" x=\"{at:.2}%\" y=\"12\">{}</text>", clock(tick));
    }
    html.push_str("</svg></div>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0.0, 0.7, 1.0, 1.3, 18.0, 23.0, 260.0].map(nice), [1.0, 1.0, 1.0, 2.0, 20.0, 25.0, 500.0]);
        let minute = 60_000_000;
        let ticks: Vec<String> = time_ticks((0, 20 * minute)).map(clock).collect();
        assert_eq!(ticks, ["00:00", "00:05", "00:10", "00:15", "00:20"]);
    }

    #[test]
    fn text_of_logs_cannot_leave_its_place() {
        let text = "<script>alert(\"1\")</script>";
        let chart = Chart {
            id: "c1".to_owned(),
            title: text.to_owned(),
            unit: text.to_owned(),
            span: (0, 60_000_000),
            lines: vec![Line { label: text.to_owned(), points: vec![(0, 1.0), (60_000_000, f64::NAN)] }],
            marks: vec![
                Mark::Alert(0, text.to_owned()),
                Mark::Fault(0, 1, text.to_owned()),
                Mark::Finding(0, text.to_owned()),
            ],
        };
        let row = Row { label: text.to_owned(), place: text.to_owned(), fault: (0, 1), signals: vec![(0, true)] };
        for svg in [chart.svg(), time_line(&[row], (0, 60_000_000))] {
            assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
        }
    }
}
