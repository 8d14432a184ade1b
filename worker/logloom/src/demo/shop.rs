//! The logs of tenant `acme`: a shop with six services in three regions, three hosts each.
//!
//! ```text
//!  GET /search    frontend ─► search
//!  GET /cart      frontend ─► cart
//!  POST /checkout frontend ─► checkout ─► cart, payment, shipping
//! ```
//!
//! Every call writes a span (file 0) and a line of the service's own log (file 1), with the request's trace id. A call takes
//! its own time, log-normal, and that of the calls that it makes, so a slow callee makes its callers slow without anybody
//! saying so. Faults change a factor, a probability or a rate, nothing else.

use super::arrivals::Arrivals;
use super::random::Random;
use super::truth::{Fault, FaultKind, MINUTE, START, Truth};
use std::fmt::Write as _;
use std::io;

/// A region and its share of the traffic.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// Its name.
    pub name: &'static str,
    share: f64,
}

/// The regions.
pub const REGIONS: [Region; 3] =
    [Region { name: "eu", share: 0.38 }, Region { name: "us", share: 0.34 }, Region { name: "ap", share: 0.28 }];

/// Hosts of a service in a region.
const HOSTS: usize = 3;
/// Spread of a call's own time: the standard deviation of its logarithm.
const SIGMA: f64 = 0.4;
/// Share of calls that fail for no reason.
const ERRORS: f64 = 0.003;
/// Share of calls that stumble: several times as long.
const STUMBLES: f64 = 0.004;
/// What the message of an error burst says, and no other.
pub const NEW_PHRASE: &str = "refused snapshot";
/// The files that lines go to.
pub const FILES: [&str; 2] = ["spans", "app"];

const SPANS: usize = 0;
const APP: usize = 1;

/// Who waits for a service.
pub fn callers(service: &str) -> &'static [&'static str] {
    match service {
        "search" | "checkout" => &["frontend"],
        "cart" | "payment" | "shipping" => &["checkout", "frontend"],
        _ => &[],
    }
}

/// Median of a service's own time in milliseconds.
fn own_time(service: &str) -> f64 {
    match service {
        "frontend" => 8.0,
        "search" => 42.0,
        "cart" => 14.0,
        "checkout" => 18.0,
        "payment" => 90.0,
        _ => 30.0,
    }
}

fn callees(service: &str, operation: &str) -> &'static [(&'static str, &'static str)] {
    match (service, operation) {
        ("frontend", "GET /search") => &[("search", "Query")],
        ("frontend", "GET /cart") => &[("cart", "Get")],
        ("frontend", _) => &[("checkout", "Place")],
        ("checkout", _) => &[("cart", "Get"), ("payment", "Charge"), ("shipping", "Book")],
        _ => &[],
    }
}

/// Requests per second at this time, of all regions: a slow wave around `base`.
fn rate(base: f64, time: i64) -> f64 {
    let minutes = (time - START) as f64 / MINUTE as f64;
    base * (1.0 + 0.08 * (minutes * std::f64::consts::TAU / 30.0).sin())
}

/// Makes the logs. `requests` is the usual number of requests per second; each makes five lines or so.
///
/// # Errors
/// Those of the files.
pub fn generate<W: io::Write>(truth: &Truth, requests: f64, arrivals: &mut Arrivals<W>) -> io::Result<()> {
    let mut shop =
        Shop { random: Random::new(truth.seed, 2), truth, arrivals, trace: String::new(), region: REGIONS[0].name };
    let most = requests * 1.1;
    let (mut time, mut told) = (truth.start, truth.start);
    loop {
        time += (shop.random.exponential(most) * 1e6) as i64;
        if time >= truth.end {
            return Ok(());
        }
        if time >= told + MINUTE {
            told += MINUTE;
            shop.arrivals.advance(told)?;
        }
        if shop.random.chance(rate(requests, time) / most) {
            shop.request(time);
        }
    }
}

struct Shop<'a, W> {
    random: Random,
    truth: &'a Truth,
    arrivals: &'a mut Arrivals<W>,
    trace: String,
    region: &'static str,
}

/// One call of a service.
struct Call {
    service: &'static str,
    operation: &'static str,
    host: String,
    start: i64,
    span: u32,
    parent: u32,
}

impl<W: io::Write> Shop<'_, W> {
    fn request(&mut self, time: i64) {
        let mut draw = self.random.unit();
        let region = REGIONS.iter().find(|region| {
            draw -= region.share;
            draw < 0.0
        });
        self.region = region.map_or(REGIONS[0].name, |region| region.name);
        if self.is_lost(time) {
            return;
        }
        self.trace = format!("{:016x}", self.random.bits());
        let operation = match self.random.unit() {
            draw if draw < 0.5 => "GET /search",
            draw if draw < 0.8 => "GET /cart",
            _ => "POST /checkout",
        };
        self.call("frontend", operation, time, 0);
    }

    fn faults(&self, kind: FaultKind, time: i64) -> impl Iterator<Item = &Fault> {
        self.truth.faults.iter().filter(move |fault| fault.kind == kind && (fault.start..fault.end).contains(&time))
    }

    /// A request that does not reach its region.
    fn is_lost(&mut self, time: i64) -> bool {
        let here = |fault: &&Fault| fault.scope.get("region").is_some_and(|region| region == self.region);
        let kept = self.faults(FaultKind::TrafficDip, time).find(here).map(|fault| fault.strength);
        kept.is_some_and(|kept| !self.random.chance(kept))
    }

    fn is_at(&self, fault: &Fault, call: &Call) -> bool {
        fault.scope.iter().all(|(name, value)| match name.as_str() {
            "service" => value == call.service,
            "region" => value == self.region,
            _ => *value == call.host,
        })
    }

    /// The factor that faults put on a call's own time.
    fn factor(&self, call: &Call) -> f64 {
        let kinds = [FaultKind::RegimeShift, FaultKind::SlowDependency, FaultKind::BadHost];
        let faults = kinds.into_iter().flat_map(|kind| self.faults(kind, call.start));
        faults.filter(|fault| self.is_at(fault, call)).map(|fault| fault.strength).product()
    }

    /// Makes a call and those under it; gives the time that it took, in microseconds.
    fn call(&mut self, service: &'static str, operation: &'static str, start: i64, parent: u32) -> i64 {
        let host = format!("{service}-{}-{}", self.region, 1 + self.random.below(HOSTS));
        let call = Call { service, operation, host, start, span: self.random.bits() as u32 | 1, parent };
        let mut own = self.random.log_normal(own_time(service), SIGMA) * self.factor(&call);
        if self.random.chance(STUMBLES) {
            own *= self.random.between(3.0, 6.0);
        }
        let own = (own * 1_000.0) as i64;
        let mut took = own / 2;
        for (callee, operation) in callees(service, operation) {
            took += self.call(callee, operation, start + took, call.span);
        }
        took += own - own / 2;
        self.span(&call, took);
        self.line(&call, took);
        took
    }

    fn arrives(&mut self, written: i64) -> i64 {
        written + (self.random.between(0.05, 1.2) * 1e6) as i64
    }

    /// What is written behind the end is not in the logs.
    fn push(&mut self, file: usize, written: i64, text: String) {
        let arrives = self.arrives(written);
        if written < self.truth.end {
            self.arrivals.push(arrives, file, text);
        }
    }

    fn span(&mut self, call: &Call, took: i64) {
        let written = call.start + took;
        let mut text = String::with_capacity(220);
        let parent = if call.parent == 0 { String::new() } else { format!("{:08x}", call.parent) };
        let (service, host, region, trace) = (call.service, &call.host, self.region, &self.trace);
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "{{\"ts\":\"{}\",\"service\":\"{service}\",\"region\":\"{region}\",\"host\":\"{host}\",\"trace_id\":\"{trace}\",\
             \"span_id\":\"{:08x}\",\"parent_id\":\"{parent}\",\"operation\":\"{}\",\"duration_ms\":{:.3}}}",
            timestamp(written),
            call.span,
            call.operation,
            took as f64 / 1_000.0,
        );
        self.push(SPANS, written, text);
    }

    fn line(&mut self, call: &Call, took: i64) {
        let written = call.start + took;
        let burst = self
            .faults(FaultKind::ErrorBurst, written)
            .find(|fault| self.is_at(fault, call))
            .map(|fault| fault.strength);
        let (level, message) = match burst {
            Some(share) if self.random.chance(share) => ("ERROR", self.new_error()),
            _ if self.random.chance(ERRORS) => {
                ("ERROR", format!("call to inventory timed out after {} ms", 500 + self.random.below(1500)))
            }
            _ => self.message(call.service),
        };
        self.app(call, written, took, level, &message);
        if self.random.chance(0.02) {
            let message = format!("pool has {} idle connections", self.random.below(20));
            self.app(call, written, 0, "DEBUG", &message);
        }
    }

    fn app(&mut self, call: &Call, written: i64, took: i64, level: &str, message: &str) {
        let text = format!(
            "{{\"ts\":\"{}\",\"level\":\"{level}\",\"service\":\"{}\",\"region\":\"{}\",\"host\":\"{}\",\"trace_id\":\"{}\",\
             \"took_ms\":{:.3},\"msg\":\"{message}\"}}",
            timestamp(written),
            call.service,
            self.region,
            call.host,
            self.trace,
            took as f64 / 1_000.0,
        );
        self.push(APP, written, text);
    }

    /// The message of an error burst: nothing in the logs looks like it before.
    fn new_error(&mut self) -> String {
        let (snapshot, replica) = (self.random.below(90_000) + 10_000, self.random.below(8));
        format!(
            "replica {replica} {NEW_PHRASE} {snapshot} because its checksum {:08x} is stale",
            self.random.bits() as u32
        )
    }

    fn message(&mut self, service: &str) -> (&'static str, String) {
        let (number, few) = (100_000 + self.random.below(900_000), 1 + self.random.below(9));
        if self.random.chance(0.01) {
            return ("WARN", format!("retry {} of 3 for request {number}", 1 + few % 3));
        }
        let other = self.random.chance(0.3);
        let message = match (service, other) {
            ("frontend", false) => format!("request {number} served to user u{number}"),
            ("frontend", true) => format!("session s{number} renewed for {few} hours"),
            ("search", false) => format!("query {number} matched {few} items on shard {}", few % 4),
            ("search", true) => format!("index segment {number} read from cache in {few} ms"),
            ("cart", false) => format!("cart c{number} loaded with {few} items"),
            ("cart", true) => format!("item sku{number} priced at {few}.90 EUR"),
            ("checkout", false) => format!("order {number} placed with {few} items"),
            ("checkout", true) => format!("voucher v{number} accepted for order {number}"),
            ("payment", false) => format!("charge {number} of {few}0.00 EUR authorized"),
            ("payment", true) => format!("acquirer answered charge {number} with code {few}"),
            (_, false) => format!("parcel {number} booked for pickup in {few} days"),
            (_, true) => format!("label printed for parcel {number} weighing {few} kg"),
        };
        ("INFO", message)
    }
}

/// An instant of the demo's day as RFC 3339, in milliseconds.
fn timestamp(micros: i64) -> String {
    let millis = (micros - START) / 1_000 + 9 * 3_600_000;
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    format!("2026-01-15T{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::truth::plan;

    fn logs(seed: u64) -> (Vec<u8>, Vec<u8>) {
        let truth = Truth { end: START + 2 * MINUTE, ..plan(seed, 20) };
        let (mut spans, mut app) = (Vec::new(), Vec::new());
        let mut arrivals = Arrivals::new(vec![&mut spans, &mut app]);
        generate(&truth, 5.0, &mut arrivals).unwrap();
        assert!(arrivals.finish().unwrap() > 1_000);
        (spans, app)
    }

    #[test]
    fn a_seed_fixes_every_byte() {
        assert_eq!(logs(1), logs(1));
        assert_ne!(logs(1), logs(2));
    }

    #[test]
    fn lines_come_nearly_in_order_and_end_with_the_logs() {
        let (spans, _) = logs(3);
        let times: Vec<&str> = std::str::from_utf8(&spans).unwrap().lines().map(|line| &line[18..30]).collect();
        assert!(times.iter().all(|time| ("09:00:00.000".."09:02:00.000").contains(time)), "{:?}", times.last());
        assert!(!times.is_sorted(), "a collector's order is not that of time");
        assert_eq!(timestamp(START + 3_661_001_000), "2026-01-15T10:01:01.001Z");
    }
}
