//! Which template each line of a file ends up with.

use logloom_chain::parse::template::{Fate, Miner, TemplateId};
use std::collections::HashMap;

/// A miner, and the template of every line that it has seen.
pub struct Assignment {
    miner: Miner,
    ids: Vec<TemplateId>,
    merged: HashMap<TemplateId, TemplateId>,
    texts: HashMap<TemplateId, Box<[u8]>>,
}

impl Assignment {
    /// Begins with `miner`, which has seen nothing.
    pub fn new(miner: Miner) -> Self {
        Self { miner, ids: Vec::new(), merged: HashMap::new(), texts: HashMap::new() }
    }

    /// Takes the next line.
    pub fn observe(&mut self, content: &[u8]) {
        let found = self.miner.observe(content);
        if found.is_new {
            self.merged.remove(&found.id);
        }
        self.ids.push(found.id);
        for retired in self.miner.take_retired() {
            let id = retired.template.id();
            match retired.fate {
                Fate::Evicted => {
                    self.texts.insert(id, retired.template.text().into());
                }
                Fate::MergedInto(heir) => {
                    self.merged.insert(id, heir);
                }
            }
        }
    }

    /// The final template of every line. Templates of one text are one.
    pub fn finish(mut self) -> Finished {
        for template in self.miner.templates() {
            self.texts.insert(template.id(), template.text().into());
        }
        let mut by_text: HashMap<&[u8], TemplateId> = HashMap::new();
        let mut final_ids: HashMap<TemplateId, TemplateId> = HashMap::new();
        for id in &mut self.ids {
            *id = *final_ids.entry(*id).or_insert_with(|| {
                let mut heir = *id;
                while let Some(next) = self.merged.get(&heir) {
                    heir = *next;
                }
                match self.texts.get(&heir) {
                    Some(text) => *by_text.entry(text).or_insert(heir),
                    None => heir,
                }
            });
        }
        Finished { ids: self.ids, texts: self.texts }
    }
}

/// The outcome of an [`Assignment`].
pub struct Finished {
    ids: Vec<TemplateId>,
    texts: HashMap<TemplateId, Box<[u8]>>,
}

impl Finished {
    /// Id and text of the template of each line.
    pub fn lines(&self) -> impl Iterator<Item = (TemplateId, &[u8])> {
        self.ids.iter().map(|id| (*id, self.texts.get(id).map_or(&[][..], |text| &text[..])))
    }
}
