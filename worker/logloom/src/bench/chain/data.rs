//! The benchmark's lines: JSON of 294 bytes on average, scopes by Zipf's law (s = 1), up to 1 s out of order.
//!
//! The same lines as those of the benchmark of the peers: organisation, service and operation from a fixed number of
//! scopes, a log-normal duration, two lines in a hundred at level ERROR. A function of the seed and the number of the line.

use std::io::Write;

/// Where event time begins: a multiple of every window.
const START_MS: u64 = 1_700_000_100_000;
/// Lines in a second of event time: ten million in ten minutes.
const PER_SECOND: u64 = 16_667;

const MESSAGES: [&str; 6] = [
    "request completed",
    "cache miss for key user profile",
    "upstream returned status ok after retry",
    "slow query detected on replica",
    "connection reset by peer while reading response body",
    "payload validated and enqueued",
];

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How scopes are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// By Zipf's law: few scopes have most of the lines.
    Zipf,
    /// One after the other: every scope is live.
    Even,
}

/// Makes lines, a block at a time.
pub struct Generator {
    random: Random,
    scopes: u64,
    spread: Spread,
    /// Cumulated weights.
    weights: Vec<f64>,
    made: u64,
}

/// A block of lines in one buffer.
#[derive(Default)]
pub struct Block {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Block {
    /// The lines in order.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start as usize..*end as usize])
    }

    /// Bytes of all lines.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Generator {
    /// From the fixed seed.
    pub fn new(scopes: u64, spread: Spread) -> Self {
        let mut sum = 0.0;
        let count = if spread == Spread::Zipf { scopes } else { 0 };
        let weights = (1..=count).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Self { random: Random(42), scopes, spread, weights: weights.collect(), made: 0 }
    }

    /// The next `count` lines, in place of what the block held.
    pub fn fill(&mut self, block: &mut Block, count: usize) {
        block.clear();
        for _ in 0..count {
            self.line(&mut block.bytes, None);
            block.ends.push(block.bytes.len() as u32);
        }
    }

    /// The next `count` lines of two streams: every trace has a line in each.
    pub fn fill_pair(&mut self, app: &mut Block, spans: &mut Block, count: usize) {
        app.clear();
        spans.clear();
        for _ in 0..count {
            let trace = (self.random.next(), self.random.next());
            for block in [&mut *app, &mut *spans] {
                self.line(&mut block.bytes, Some(trace));
                block.ends.push(block.bytes.len() as u32);
            }
        }
    }

    fn scope(&mut self) -> u64 {
        match self.spread {
            Spread::Even => self.made % self.scopes,
            Spread::Zipf => {
                let total = self.weights.last().copied().unwrap_or(1.0);
                let drawn = self.random.unit() * total;
                (self.weights.partition_point(|weight| *weight < drawn) as u64).min(self.scopes - 1)
            }
        }
    }

    fn line(&mut self, out: &mut Vec<u8>, trace: Option<(u64, u64)>) {
        let rank = self.scope();
        // Hot scopes are spread over the organisations.
        let id = rank.wrapping_mul(48_271) % self.scopes;
        let (org, service, operation) = (id / 100, (id / 5) % 20, id % 5);
        let late = self.random.next() % 1000;
        let time = (START_MS + self.made * 1000 / PER_SECOND + 1000 - late).max(START_MS);
        let (first, second) = (self.random.unit().max(1e-12), self.random.unit());
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
        let duration = 20.0 * (1 + rank % 7) as f64 * (0.8 * normal).exp();
        let level = match self.random.next() % 100 {
            0..2 => "ERROR",
            2..7 => "WARN",
            _ => "INFO",
        };
        let (a, b) = (self.random.next(), self.random.next());
        let (high, low) = trace.unwrap_or((a, b));
        let message = MESSAGES[(a % 6) as usize];
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "{{\"ts\":{time},\"org\":\"org-{org:04}\",\"service\":\"svc-{service:02}\",\"operation\":\"op-{operation}\",\
             \"host\":\"ip-10-{}-{}.eu-west.internal\",\"trace_id\":\"{high:016x}{low:016x}\",\"level\":\"{level}\",\
             \"duration_ms\":{duration:.2},\"msg\":\"{message} id={} bytes={} path=/api/v1/svc-{service:02}/op-{operation}/resource\"}}",
            b % 16,
            (b >> 8) % 250,
            a >> 40,
            b >> 44,
        );
        self.made += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_of_about_294_bytes() {
        let mut generator = Generator::new(1000, Spread::Zipf);
        let mut block = Block::default();
        generator.fill(&mut block, 2000);
        for line in block.lines() {
            assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
        }
        let mean = block.bytes() / 2000;
        assert!((280..310).contains(&mean), "{mean}");
    }

    #[test]
    fn an_even_spread_reaches_every_scope() {
        let mut generator = Generator::new(300, Spread::Even);
        let mut block = Block::default();
        generator.fill(&mut block, 300);
        let key = |line: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            format!("{}{}{}", value["org"], value["service"], value["operation"])
        };
        let keys: std::collections::HashSet<String> = block.lines().map(key).collect();
        assert_eq!(keys.len(), 300);
    }
}
