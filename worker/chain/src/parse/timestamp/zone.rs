//! Zones: an offset, or an entry of the IANA database that is compiled in.

use super::{Civil, TimeError, civil, rfc3339};
use crate::time::{EventTime, Span};
use jiff::tz::TimeZone;

/// The zone of times that name none.
#[derive(Debug, Clone)]
pub enum Zone {
    /// Seconds east of UTC.
    Offset(i32),
    /// A place.
    Place(TimeZone),
}

impl Zone {
    /// `UTC`, `+08:00`, `Europe/Vienna`. None when there is no such zone.
    pub fn named(name: &str) -> Option<Self> {
        if name == "UTC" || name == "Z" {
            return Some(Self::Offset(0));
        }
        if let Some((seconds, rest)) = rfc3339::numeric_offset(name.as_bytes()) {
            return rest.is_empty().then_some(Self::Offset(seconds));
        }
        TimeZone::get(name).ok().map(Self::Place)
    }

    /// The instant of a complete civil time. Its own offset goes before the zone.
    pub(super) fn instant(&self, time: &Civil) -> Result<EventTime, TimeError> {
        let as_utc = time.as_utc()?;
        if time.epoch.is_some() {
            return Ok(as_utc);
        }
        let offset = match (time.offset, self) {
            (Some(offset), _) => offset,
            (None, Self::Offset(offset)) => *offset,
            (None, Self::Place(place)) => return in_place(place, as_utc),
        };
        Ok(as_utc.minus(Span::seconds(i64::from(offset))))
    }
}

/// jiff's "compatible" rule (RFC 5545): in a gap the offset before it counts, in a fold the earlier instant.
fn in_place(place: &TimeZone, as_utc: EventTime) -> Result<EventTime, TimeError> {
    let wall = jiff::Timestamp::from_microsecond(as_utc.0).map_err(|_| TimeError::OutOfRange)?;
    let wall = TimeZone::UTC.to_datetime(wall);
    let instant = place.to_ambiguous_timestamp(wall).compatible().map_err(|_| TimeError::OutOfRange)?;
    civil::from_micros(i128::from(instant.as_microsecond()))
}
