//! Inputs of local mode: which files a source binding names, and their lines.
//!
//! A binding is `SOURCE=FILE`, `SOURCE=GLOB` or `SOURCE=-` (standard input). Every file is one partition of its
//! source. The offset of a line is its number in the file, from 0: what the position log calls an offset, and what a
//! person finds again with an editor.
//!
//! ```text
//!  --input app=logs/*.gz ──expand──► [Partition] ──open──► decompress ──► LineReader ──► (offset, RawLine)
//! ```

mod binding;
mod decode;
mod identity;
mod lines;
mod open;
mod piped;
mod rotated;
mod tail;

pub use binding::{Binding, BindingError, Partition, Place, expand};
pub use identity::FileIdentity;
pub use lines::{Line, LineReader, Next, Overflow, ReadState, Truncate};
pub use open::{InputError, file_is_compressed, open};
pub use piped::Piped;
pub use tail::{Tail, TailState, Turn};
