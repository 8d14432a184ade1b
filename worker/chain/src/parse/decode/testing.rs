//! What the tests of the decoders share.

use bumpalo::Bump;

use super::error::Fault;
use super::names::Wanted;
use crate::parse::fields::{Extracted, Slot, SlotTable, Slots};

/// The values of `names` after a decoder has read `text`, as [`show`] writes them.
pub(super) fn extract<D>(
    names: &[&str],
    text: &[u8],
    compile: impl FnOnce(&Wanted<'_>) -> D,
    decode: impl for<'a> Fn(&D, &'a [u8], &mut Slots<'a>) -> Result<(), Fault>,
) -> Result<Vec<String>, Fault> {
    let mut table = SlotTable::new();
    let wanted: Vec<Slot> = names.iter().map(|name| table.want(name)).collect();
    let decoder = compile(&Wanted::new(&table, ""));
    let arena = Bump::new();
    let mut slots = Slots::new(&arena, table.len());
    decode(&decoder, arena.alloc_slice_copy(text), &mut slots)?;
    Ok(wanted.iter().map(|slot| show(slots.get(*slot))).collect())
}

/// `'text'`, `json …`, `Int(1)`, `Absent`.
pub(super) fn show(value: Extracted<'_>) -> String {
    match value {
        Extracted::Text(text) => format!("'{}'", text.escape_ascii()),
        Extracted::Json(text) => format!("json {}", text.escape_ascii()),
        other => format!("{other:?}"),
    }
}
