//! Drain's parse tree (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth
//! Tree", ICWS 2017), as its authors' program has it.
//!
//! ```text
//!  number of tokens ─► first token ─► … ─► leaf: templates, of which the most similar one wins
//!                      (depth - 3 tokens)
//! ```
//!
//! Two differences, neither of which changes a grouping: a line shorter than the tree is deep gets
//! a leaf too, and a template that is evicted takes its empty nodes along.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::keys::{self, KeyHasher};
use super::scan::{Scan, Token, WILD_HASH};
use super::store::{Slot, Store, Template};

#[derive(Debug, Clone, Default)]
struct Node {
    /// Edges that leave this node, the `<*>` one included.
    children: u32,
    /// Templates, oldest first.
    leaf: Vec<Slot>,
}

/// The tree, its nodes found by the hash of the way to them.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: HashMap<u64, Node, KeyHasher>,
    /// Tokens on the way to a leaf.
    levels: usize,
    similarity: f64,
    max_children: u32,
}

/// How well a template fits a line: equal tokens, then variables.
type Fit = (usize, usize);

fn root(length: usize) -> u64 {
    keys::sequence([length as u64].into_iter())
}

fn child(node: u64, edge: u64) -> u64 {
    keys::sequence([node, edge].into_iter())
}

impl Tree {
    pub fn new(depth: u16, similarity: f64, max_children: u32) -> Self {
        let levels = usize::from(depth).saturating_sub(3);
        Self { nodes: HashMap::with_hasher(KeyHasher), levels, similarity, max_children }
    }

    /// The most similar template in the leaf of `tokens`, when it is similar enough.
    pub fn find(&self, store: &Store, tokens: &[Token]) -> Option<Slot> {
        let mut key = root(tokens.len());
        for token in tokens.iter().take(self.levels) {
            let literal = child(key, token.hash);
            key = if self.nodes.contains_key(&literal) { literal } else { child(key, WILD_HASH) };
        }
        let mut best: Option<(Fit, Slot)> = None;
        for slot in &self.nodes.get(&key)?.leaf {
            let fit = fit(store.get(*slot), tokens);
            if best.is_none_or(|(best_fit, _)| fit > best_fit) {
                best = Some((fit, *slot));
            }
        }
        let ((equal, _), slot) = best?;
        let similar = tokens.is_empty() || equal as f64 / tokens.len() as f64 >= self.similarity;
        similar.then_some(slot)
    }

    /// The positions at which a new template's way goes through a `<*>` child.
    pub fn way(&self, scan: &Scan) -> SmallVec<[u16; 4]> {
        let mut wild = SmallVec::new();
        let mut key = root(scan.tokens.len());
        for (position, token) in scan.tokens.iter().take(self.levels).enumerate() {
            let literal = child(key, token.hash);
            let general = child(key, WILD_HASH);
            let children = self.nodes.get(&key).map_or(0, |node| node.children);
            let has_general = self.nodes.contains_key(&general);
            let has_digit = scan.token_text(token).iter().any(u8::is_ascii_digit);
            let room = children + u32::from(!has_general) < self.max_children;
            if self.nodes.contains_key(&literal) || (!has_digit && room) {
                key = literal;
            } else {
                key = general;
                wild.push(position as u16);
            }
        }
        wild
    }

    /// The nodes from the root of this length to the template's leaf.
    fn path(&self, template: &Template) -> SmallVec<[u64; 8]> {
        let mut key = root(template.parts.len());
        let mut path = SmallVec::new();
        path.push(key);
        for (position, part) in template.parts.iter().take(self.levels).enumerate() {
            let wild = template.wild.contains(&(position as u16));
            key = child(key, if wild { WILD_HASH } else { part.hash });
            path.push(key);
        }
        path
    }

    /// Entries held, for tests of the bounds.
    #[cfg(test)]
    pub fn entries(&self) -> usize {
        self.nodes.len() + self.nodes.values().map(|node| node.leaf.len()).sum::<usize>()
    }

    /// Takes in a template; within a leaf the templates come oldest first.
    pub fn insert(&mut self, slot: Slot, template: &Template) {
        let path = self.path(template);
        for (index, key) in path.iter().enumerate().skip(1) {
            if !self.nodes.contains_key(key) {
                self.nodes.entry(path[index - 1]).or_default().children += 1;
                self.nodes.insert(*key, Node::default());
            }
        }
        let leaf = path[path.len() - 1];
        self.nodes.entry(leaf).or_default().leaf.push(slot);
    }

    /// Forgets a template and the nodes that only it needed.
    pub fn remove(&mut self, slot: Slot, template: &Template) {
        let path = self.path(template);
        if let Some(node) = self.nodes.get_mut(&path[path.len() - 1]) {
            node.leaf.retain(|other| *other != slot);
        }
        for (index, key) in path.iter().enumerate().rev() {
            let empty = |node: &Node| node.leaf.is_empty() && node.children == 0;
            if !self.nodes.get(key).is_some_and(empty) {
                break;
            }
            self.nodes.remove(key);
            if let Some(parent) = index.checked_sub(1).and_then(|up| self.nodes.get_mut(&path[up])) {
                parent.children -= 1;
            }
        }
    }

    /// The positions at which `tokens` force the template to become more general.
    pub fn differences(template: &Template, tokens: &[Token]) -> SmallVec<[u16; 4]> {
        let pairs = template.parts.iter().zip(tokens).enumerate();
        pairs
            .filter(|(_, (part, token))| !part.is_bare() && part.hash != token.hash)
            .map(|(position, _)| position as u16)
            .collect()
    }
}

fn fit(template: &Template, tokens: &[Token]) -> Fit {
    let mut fit = (0, 0);
    for (part, token) in template.parts.iter().zip(tokens) {
        if part.is_bare() {
            fit.1 += 1;
        } else if part.hash == token.hash {
            fit.0 += 1;
        }
    }
    fit
}
