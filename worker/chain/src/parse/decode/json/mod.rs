//! `json`: one JSON object, and the wanted paths out of it, in one pass.
//!
//! This is the hot path. The wanted paths are a tree of key tables; the scanner walks the text once, looks
//! each key up in the table of the object it is in, and steps over what nobody wants. The whole text
//! is checked (see [`scan`]): a line that is cut off or followed by something is an error, never half a row.
//!
//! ```text
//!  {"level":"INFO","http":{"status":200},"x":[1,2]}
//!    │              │      └ Slot(1) = Int(200)
//!    └ Slot(0)      └ node "http"           └ stepped over
//! ```
//!
//! - A path is found nested and also as a key that holds dots (`"http.status"`).
//! - Of equal keys, and of several readings of one path, the last in the text counts.
//! - A path that names an object or an array gives its raw text.
//! - Integers outside `i64` and numbers outside `f64` come as text.
//! - A byte order mark before the object is stepped over.

mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::error::{Fault, FaultKind};
use super::keys::KeyTable;
use super::names::Wanted;
use super::path::{Step, readings};
use crate::parse::fields::{Extracted, Slot, Slots};
use scan::{RawString, Scan};

/// A compiled `json` step.
#[derive(Debug, Clone)]
pub(super) struct JsonDecoder {
    /// Node 0 is the object itself.
    nodes: Vec<Node>,
}

/// What is wanted inside one object or array.
#[derive(Debug, Clone, Default)]
struct Node {
    keys: KeyTable,
    /// By the key's number.
    members: Vec<Target>,
    /// Sorted by index.
    elements: Vec<(u32, Target)>,
}

/// What to do with one value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Target {
    slot: Option<Slot>,
    node: Option<u32>,
}

/// The tree of paths while it is built.
#[derive(Debug, Default)]
struct Tree {
    slot: Option<Slot>,
    children: BTreeMap<Step, Tree>,
}

impl JsonDecoder {
    /// A decoder for the wanted names; every name can be a path into JSON.
    pub fn compile(wanted: &Wanted<'_>) -> Self {
        let mut tree = Tree::default();
        for (name, slot) in wanted.iter() {
            for steps in readings(name) {
                let leaf = steps.into_iter().fold(&mut tree, |tree, step| tree.children.entry(step).or_default());
                leaf.slot = Some(slot);
            }
        }
        let mut nodes = Vec::new();
        flatten(&tree, &mut nodes);
        Self { nodes }
    }

    /// Fills the slots from one object. After an error the slots hold a part of the line.
    #[inline]
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        let start = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut walk = Walk { scan: Scan { input, at: start }, nodes: &self.nodes, slots };
        match walk.scan.peek() {
            b'{' => {}
            0 if walk.scan.at == input.len() => return Err(Fault::new(start, FaultKind::Empty)),
            _ => return Err(walk.scan.fault("an object, `{`")),
        }
        if let Some(root) = self.nodes.first() {
            walk.object(root, 0)?;
        }
        walk.scan.finish()
    }
}

/// Appends the node of `tree` and those below it; its number.
fn flatten(tree: &Tree, nodes: &mut Vec<Node>) -> u32 {
    let number = nodes.len();
    nodes.push(Node::default());
    let mut keys: Vec<&[u8]> = Vec::new();
    let mut node = Node::default();
    for (step, child) in &tree.children {
        let target = Target { slot: child.slot, node: (!child.children.is_empty()).then(|| flatten(child, nodes)) };
        match step {
            Step::Key(key) => {
                keys.push(key.as_bytes());
                node.members.push(target);
            }
            Step::Index(index) => node.elements.push((*index, target)),
        }
    }
    node.keys = KeyTable::new(keys);
    nodes[number] = node;
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// One walk over one line.
struct Walk<'a, 'd, 's> {
    scan: Scan<'a>,
    nodes: &'d [Node],
    slots: &'s mut Slots<'a>,
}

impl<'a, 'd> Walk<'a, 'd, '_> {
    /// An object in which something is wanted; the brace has been seen.
    fn object(&mut self, node: &'d Node, depth: u32) -> Result<(), Fault> {
        let depth = self.scan.deeper(depth)?;
        self.scan.at += 1;
        if self.scan.peek() == b'}' {
            self.scan.at += 1;
            return Ok(());
        }
        loop {
            self.scan.take(b'"', "a key")?;
            let key = self.scan.string()?;
            self.scan.take(b':', "`:`")?;
            match self.member(node, key) {
                Some(target) => self.value(target, depth)?,
                None => self.scan.skip(depth)?,
            }
            if self.scan.closes(b'}', "`,` or `}`")? {
                return Ok(());
            }
        }
    }

    #[inline]
    fn member(&self, node: &'d Node, key: RawString<'a>) -> Option<Target> {
        let number = node.keys.get(key.text(self.slots.arena()))?;
        node.members.get(number).copied()
    }

    /// An array in which something is wanted; the bracket has been seen.
    fn array(&mut self, node: &'d Node, depth: u32) -> Result<(), Fault> {
        let depth = self.scan.deeper(depth)?;
        self.scan.at += 1;
        if self.scan.peek() == b']' {
            self.scan.at += 1;
            return Ok(());
        }
        let mut wanted = node.elements.iter().peekable();
        for index in 0u32.. {
            match wanted.next_if(|(next, _)| *next == index) {
                Some((_, target)) => self.value(*target, depth)?,
                None => self.scan.skip(depth)?,
            }
            if self.scan.closes(b']', "`,` or `]`")? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A wanted value, or one in which something is wanted.
    #[inline]
    fn value(&mut self, target: Target, depth: u32) -> Result<(), Fault> {
        let first = self.scan.peek();
        let start = self.scan.at;
        let value = match first {
            b'"' => {
                self.scan.at += 1;
                let text = self.scan.string()?;
                let Some(slot) = target.slot else {
                    return Ok(());
                };
                self.slots.set(slot, Extracted::Text(text.text(self.slots.arena())));
                return Ok(());
            }
            b'-' | b'0'..=b'9' => self.scan.number()?,
            b'{' | b'[' => {
                self.nested(first, target, depth)?;
                Extracted::Json(&self.scan.input[start..self.scan.at])
            }
            b't' => self.scan.literal("true").map(|()| Extracted::Bool(true))?,
            b'f' => self.scan.literal("false").map(|()| Extracted::Bool(false))?,
            b'n' => self.scan.literal("null").map(|()| Extracted::Null)?,
            _ => return Err(self.scan.fault("a value")),
        };
        if let Some(slot) = target.slot {
            self.slots.set(slot, value);
        }
        Ok(())
    }

    fn nested(&mut self, first: u8, target: Target, depth: u32) -> Result<(), Fault> {
        let node = target.node.and_then(|node| self.nodes.get(node as usize));
        match node {
            Some(node) if first == b'{' => self.object(node, depth),
            Some(node) if first == b'[' => self.array(node, depth),
            _ => self.scan.skip(depth),
        }
    }
}
