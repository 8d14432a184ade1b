//! The miner: the state of one stream, folded line by line.

use std::sync::Arc;

use super::rules::{Grouping, Masked, Rules};
use super::scan::{Options, Scan};
use super::store::{Slot, Store, Template, TemplateId};
use super::tree::Tree;
use super::variable::{Kind, Variable};
use super::words::{self, Words};

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The line's template, as known after this line.
    pub id: TemplateId,
    /// The line made the template.
    pub is_new: bool,
}

/// Why a template is no longer live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It made room. Its count leaves the miner with this record.
    Evicted,
    /// It became a case of this template, which has taken over its count.
    MergedInto(TemplateId),
}

/// A template that is no longer live, with its account at that moment.
#[derive(Debug, Clone)]
pub struct Retired {
    /// The template.
    pub template: Template,
    /// What became of it.
    pub fate: Fate,
}

/// The account of all lines: `lines` is the sum of the live templates' counts and `evicted_lines`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Lines observed.
    pub lines: u64,
    /// Templates evicted, each time counted.
    pub evicted_templates: u64,
    /// Lines of evicted templates.
    pub evicted_lines: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Index {
    Words(Words),
    Tree(Tree),
}

/// The templates of one stream.
#[derive(Debug, Clone)]
pub struct Miner {
    pub(super) rules: Arc<Rules>,
    pub(super) store: Store,
    pub(super) index: Index,
    pub(super) totals: Totals,
    pub(super) retired: Vec<Retired>,
    scan: Scan,
    masked: Masked,
}

impl Miner {
    /// A miner that has seen nothing.
    pub fn new(rules: Arc<Rules>) -> Self {
        let index = match rules.grouping {
            Grouping::Words => Index::Words(Words::default()),
            Grouping::Drain { depth, similarity, max_children } => {
                Index::Tree(Tree::new(depth, similarity, max_children))
            }
        };
        Self {
            rules,
            store: Store::new(),
            index,
            totals: Totals::default(),
            retired: Vec::new(),
            scan: Scan::default(),
            masked: Masked::default(),
        }
    }

    /// Counts `line` under its template.
    pub fn observe(&mut self, line: &[u8]) -> Match {
        self.mask(line, false);
        let now = self.totals.lines;
        self.totals.lines += 1;
        let found = match &self.index {
            Index::Words(words) => words.find(&self.store, &self.scan.tokens),
            Index::Tree(tree) => tree.find(&self.store, &self.scan.tokens),
        };
        let (slot, is_new) = match found {
            Some(slot) => {
                let template = self.store.get_mut(slot);
                template.count += 1;
                template.last = now;
                self.store.touch(slot);
                self.follow(slot);
                (slot, false)
            }
            None => self.create(now),
        };
        Match { id: self.store.get(slot).id, is_new }
    }

    /// The template of a line; `None` when it has died since.
    pub fn template(&self, found: Match) -> Option<&Template> {
        self.store.find(found.id)
    }

    /// A live template.
    pub fn find(&self, id: TemplateId) -> Option<&Template> {
        self.store.find(id)
    }

    /// Live templates, the longest unused first.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.store.by_use().map(|(_, template)| template)
    }

    /// Number of live templates.
    pub fn live(&self) -> usize {
        self.store.len()
    }

    /// The account of all lines.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The rules that the miner follows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Templates that have died since this was last called. Call it after every line or frame: until
    /// then they are kept, and saved with the state.
    pub fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    /// The values of `line` in the order of its template's `<*>`; none when the template has died
    /// since `line` was observed.
    ///
    /// Masks the line once more: the way of a line through [`Miner::observe`] keeps no values.
    pub fn variables(&mut self, line: &[u8], found: Match, out: &mut Vec<Variable>) {
        out.clear();
        self.mask(line, true);
        let Some(template) = self.store.find(found.id) else { return };
        let mut spans = self.scan.spans.iter().peekable();
        for (index, (token, part)) in self.scan.tokens.iter().zip(&template.parts).enumerate() {
            let is_whole = part.is_bare() && !token.bare;
            if is_whole {
                out.push(self.masked.variable(line, token.from..token.to, None));
            }
            while let Some(span) = spans.next_if(|span| span.token as usize == index) {
                if !is_whole {
                    let mut variable = self.masked.variable(line, span.from..span.to, span.hint);
                    if span.hint == Some(Kind::Rest) {
                        variable.range.end = line.len();
                    }
                    out.push(variable);
                }
            }
        }
    }

    fn mask(&mut self, line: &[u8], record: bool) {
        let rules = &self.rules;
        let bound = line.len().min(rules.limits.max_line_bytes as usize);
        let text = self.masked.apply(rules, &line[..bound], record);
        let options = Options {
            builtin: rules.builtin_masks,
            record,
            max_tokens: rules.limits.max_tokens,
            cut: bound < line.len(),
        };
        self.scan.run(text, options);
    }

    /// Drain: the template becomes as general as the line demands.
    fn follow(&mut self, slot: Slot) {
        if !matches!(self.index, Index::Tree(_)) {
            return;
        }
        let template = self.store.get_mut(slot);
        let differences = Tree::differences(template, &self.scan.tokens);
        if !differences.is_empty() {
            template.generalise(&differences);
        }
    }

    /// A template for the scanned line, unless the line is what lets siblings merge.
    fn create(&mut self, now: u64) -> (Slot, bool) {
        let slot = self.store.create(&self.scan, now);
        if let Index::Tree(tree) = &mut self.index {
            self.store.get_mut(slot).wild = tree.way(&self.scan);
        }
        self.enter(slot);
        let settled = self.settle(slot, now);
        if self.store.len() > self.rules.limits.max_templates as usize
            && let Some(oldest) = self.store.oldest()
        {
            self.evict(oldest);
        }
        (settled, settled == slot)
    }

    /// Merges as long as the new template gives cause to. Returns where the line ends up.
    fn settle(&mut self, newcomer: Slot, now: u64) -> Slot {
        let mut slot = newcomer;
        loop {
            let Index::Words(index) = &self.index else { return slot };
            let Some((position, members)) = index.choose_merge(&self.store, slot) else {
                return slot;
            };
            let wild = words::merged_positions(&self.store, &members, position);
            let oldest = members.iter().copied().min_by_key(|member| self.store.get(*member).first);
            let Some(survivor) = oldest else { return slot };
            self.leave(survivor);
            let id = self.store.get(survivor).id;
            let mut count = 0;
            for member in members.into_iter().filter(|member| *member != survivor) {
                self.leave(member);
                let template = self.store.remove(member);
                count += template.count;
                // The newcomer's id was never given to anyone.
                if template.first != now {
                    self.retired.push(Retired { template, fate: Fate::MergedInto(id) });
                }
            }
            let template = self.store.get_mut(survivor);
            template.generalise(&[position]);
            template.wild = wild;
            template.count += count;
            template.last = now;
            self.store.touch(survivor);
            self.enter(survivor);
            slot = survivor;
        }
    }

    fn evict(&mut self, slot: Slot) {
        self.leave(slot);
        let template = self.store.remove(slot);
        self.totals.evicted_templates += 1;
        self.totals.evicted_lines += template.count;
        self.retired.push(Retired { template, fate: Fate::Evicted });
    }

    /// Makes a template of the store known to the index.
    pub(super) fn enter(&mut self, slot: Slot) {
        let template = self.store.get(slot);
        match &mut self.index {
            Index::Words(words) => words.insert(slot, template),
            Index::Tree(tree) => tree.insert(slot, template),
        }
    }

    fn leave(&mut self, slot: Slot) {
        let template = self.store.get(slot);
        match &mut self.index {
            Index::Words(words) => words.remove(slot, template),
            Index::Tree(tree) => tree.remove(slot, template),
        }
    }
}

impl Masked {
    /// A value from its range in the masked text.
    fn variable(&self, line: &[u8], range: std::ops::Range<u32>, hint: Option<Kind>) -> Variable {
        let first = self.origin.get(range.start as usize);
        let last = range.end.checked_sub(1).and_then(|last| self.origin.get(last as usize));
        let from = first.map_or(line.len(), |origin| origin.from as usize);
        let to = last.map_or(from, |origin| origin.to as usize).clamp(from, line.len());
        let one_mask = first
            .zip(last)
            .filter(|(first, last)| first.mask.is_some() && (first.from, first.to) == (last.from, last.to));
        let kind = match (hint, one_mask) {
            (Some(hint), _) => hint,
            (None, Some((first, _))) => first.mask.map_or(Kind::Word, Kind::Mask),
            (None, None) => {
                let text = line[from..to].trim_ascii();
                Kind::of(text.strip_suffix(b",").unwrap_or(text))
            }
        };
        Variable { kind, range: from..to }
    }
}
