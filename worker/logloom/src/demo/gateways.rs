//! The logs of tenant `globex`: gateways at two sites, in logfmt. Nothing is wrong with them.
//!
//! They have what quiet systems have: a wave of traffic, a few errors, a few slow messages, now and then a torn line.

use super::arrivals::Arrivals;
use super::random::Random;
use super::truth::{MINUTE, Truth};
use std::io;

/// The file that lines go to.
pub const FILES: [&str; 1] = ["gateway"];

const SITES: [&str; 2] = ["oslo", "graz"];
const SERVICES: [(&str, f64); 3] = [("ingest", 3.0), ("router", 6.0), ("ledger", 11.0)];

/// Makes the logs, with about `lines` lines per second.
///
/// # Errors
/// Those of the file.
pub fn generate<W: io::Write>(truth: &Truth, lines: f64, arrivals: &mut Arrivals<W>) -> io::Result<()> {
    let mut random = Random::new(truth.seed, 3);
    let most = lines * 1.25;
    let (mut time, mut told) = (truth.start, truth.start);
    loop {
        time += (random.exponential(most) * 1e6) as i64;
        if time >= truth.end {
            return Ok(());
        }
        if time >= told + MINUTE {
            told += MINUTE;
            arrivals.advance(told)?;
        }
        let wave = 1.0 + 0.25 * ((time - truth.start) as f64 / MINUTE as f64 * std::f64::consts::TAU / 18.0).sin();
        if !random.chance(lines * wave / most) {
            continue;
        }
        let arrives = time + (random.between(0.05, 1.2) * 1e6) as i64;
        let text = line(&mut random, time);
        arrivals.push(arrives, 0, text);
    }
}

fn line(random: &mut Random, time: i64) -> String {
    if random.chance(0.0005) {
        return format!("~~ ring buffer overrun, {} bytes lost ~~", 1 + random.below(400));
    }
    let site = SITES[random.below(SITES.len())];
    let (service, median) = SERVICES[random.below(SERVICES.len())];
    let mut took = random.log_normal(median, 0.4);
    if random.chance(0.004) {
        took *= random.between(3.0, 6.0);
    }
    let (number, few) = (1_000 + random.below(9_000), 1 + random.below(9));
    let (level, message) = match (random.unit(), service) {
        (draw, _) if draw < 0.004 => ("e", format!("peer {few} closed the connection")),
        (draw, _) if draw < 0.02 => ("w", format!("queue of press {few} holds {number} messages")),
        (_, "ingest") => ("i", format!("batch {number} of press {few} stored")),
        (_, "router") => ("i", format!("message {number} routed over link {few}")),
        (_, _) => ("i", format!("meter {number} read {few} times")),
    };
    let bytes = 200 + random.below(1_800);
    format!(
        "at={} lvl={level} svc={service} site={site} took={took:.2}ms bytes={bytes} msg=\"{message}\"",
        time / 1_000
    )
}
