//! Time that a thread has spent on a core.
//!
//! Rates per core are taken over this and not over the wall clock, so that a busy machine does not
//! change them.

use std::time::{Duration, Instant};

/// A stop watch for the calling thread.
#[derive(Debug, Clone, Copy)]
pub struct CpuClock {
    on_core: Option<Duration>,
    wall: Instant,
}

impl CpuClock {
    /// Starts to measure.
    pub fn start() -> Self {
        Self { on_core: on_core(), wall: Instant::now() }
    }

    /// Time on a core since the start. Where the system does not tell it, time on the wall.
    pub fn elapsed(&self) -> Duration {
        match (self.on_core, on_core()) {
            (Some(start), Some(now)) => now.saturating_sub(start),
            _ => self.wall.elapsed(),
        }
    }
}

/// Linux: the first number of `schedstat` is nanoseconds on a core.
fn on_core() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_ascii_whitespace().next()?.parse().ok()?;
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_not_time_on_a_core() {
        let clock = CpuClock::start();
        std::thread::sleep(Duration::from_millis(30));
        if clock.on_core.is_some() {
            assert!(clock.elapsed() < Duration::from_millis(20));
        } else {
            assert!(clock.elapsed() >= Duration::from_millis(30));
        }
    }
}
