//! parse: how a line becomes an event.
//!
//! A `ParsingManifest` is compiled once; after that a line goes through without a name being
//! looked up. Parsing is a pure function of the line, of the time the source gives it (Kafka's timestamp) and
//! of the source's earlier lines (rule R5): no clock, no randomness. What it cannot read becomes a dead letter
//! with a reason; nothing is dropped without one.
//!
//! ```text
//!  raw line ─► superlog ─► decode ─► … ─► decode ─► fields ─► filter ─► redact ─► row ─► Protobuf bytes
//!  (size rule)             (a chain of decoders)    (columns,                     (schema)
//!                                                    timestamp)
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | `decode` | one file per decoder; a decoder fills slots |
//! | `fields` | the names that decoders extract, resolved to slots |
//! | `schema` | the manifest's Protobuf message as columns, and the codec of rows |
//! | `timestamp` | time formats |
//! | `redact` | what must not leave |
//! | `superlog` | the size rule |
//! | `multiline` | start and continuation lines, and their assembly |
//! | `program` | a compiled manifest, and the way of a line through it |
//! | `manifest_test` | the tests of a manifest |
//! | `template` | template mining |

pub mod convert;
pub mod decode;
pub mod fields;
pub mod manifest_test;
pub mod multiline;
pub mod program;
pub mod redact;
pub mod regexes;
pub mod schema;
pub mod suggest;
pub mod superlog;
pub mod template;
pub mod timestamp;
