//! The position log: the rules R0 to R25 as types and pure functions.
//!
//! Each task reads one totally ordered log and is a deterministic fold over it; each receiver knows by position
//! what it already has. Two owners of a task may cut frames differently and make different time claims. What
//! holds, and is enough, is that *both put the same records at the same positions*. Every rule protects that
//! sentence; each module names the rules it holds.
//!
//! ```text
//!  source records                    log of frames                       log of frames
//!  ─────────────► Ingest ──Outputs──► Outlet ──cut──► Frame ──Receiver──► Stage ──Outputs──► …
//!                   │                   │ acked        (R0,R1)  (R2,R3,R4)   │
//!                   │                   └─ coverage (R9), resend (R10)       │
//!                   └──── Checkpoint (R8,R11,R12,R13,R15) ────────────────────┘
//! ```
//!
//! | module | rules | what it holds |
//! |---|---|---|
//! | [`position`] | R1 | offsets, positions, upstreams |
//! | [`fate`] | R20 | why an offset brings no record |
//! | [`mark`] | R3, R4, R17 | source watermarks and log-end claims |
//! | [`frame`] | R0, R1, R22, R24 | the frame and its codec |
//! | [`receive`] | R2, R3, R4, R11, R20, R22 | what a receiver takes of a frame |
//! | [`outlet`] | R1, R3, R9, R10, R20, R24 | what a step emits, frame cuts, coverage |
//! | [`fold`] | R2, R7 | the stage seam |
//! | [`checkpoint`] | R0, R8, R11, R12, R13 | saved state, which to load, what to trim |
//! | [`repair`] | R14 | gaps that do not heal |
//! | [`origin`] | R15 | where a task begins |
//! | [`range`] | R16, R17 | reading a source: ends, holes, trims |
//! | [`generation`] | R22 | seal, cut, close, carry |
//! | [`ledger`] | R20 | every line accounted for |
//! | [`digest`] | | the standing determinism alarm |
//! | [`rules`] | all | one switch per rule, for the simulator |
//!
//! Nothing here reads a clock, draws a random number or does input or output. An owner's clock comes in as an
//! [`mark::OwnerClock`] and may decide only where a frame ends, which claim it carries, and when a repair is
//! asked for (R5).

pub mod checkpoint;
pub mod digest;
pub mod fate;
pub mod fold;
pub mod frame;
pub mod generation;
pub mod ledger;
pub mod mark;
pub mod origin;
pub mod outlet;
pub mod position;
pub mod range;
pub mod receive;
pub mod repair;
pub mod rules;
#[cfg(test)]
mod support;

pub use fate::{FateRun, Minute, Reason};
pub use fold::{Fold, Ingest, RawLine, Stage, fold_frame};
pub use frame::{Frame, FrameBuilder, FrameBytes, FrameError};
pub use mark::OwnerClock;
pub use outlet::{LinkSpec, OutletIndex, Outputs};
pub use position::{Offset, Position, Upstream};
pub use receive::{Outcome, Received, Receiver};
pub use rules::{Rule, Rules};
