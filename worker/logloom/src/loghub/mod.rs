//! LogHub: its header notation and the settings under which Drain's figures were published.

mod assignment;
mod header;
mod presets;

pub use assignment::{Assignment, Finished};
pub use header::{Header, HeaderError};
pub use presets::{PRESETS, Preset, Published};
