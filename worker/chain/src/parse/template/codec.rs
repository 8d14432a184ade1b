//! A miner's state as bytes.
//!
//! Written are the account, the templates that wait to be taken, and the live templates in their
//! order of use. Everything else is derived from those, so equal states are equal bytes.

use smallvec::SmallVec;
use std::sync::Arc;

use super::miner::{Fate, Miner, Retired, Totals};
use super::rules::Rules;
use super::store::{Part, Template, TemplateId};
use crate::wire::{Reader, WireError, Writer};

/// First byte of a saved miner.
const VERSION: u8 = 1;

impl Miner {
    /// Appends the state. The rules are not part of it.
    pub fn save(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.varint(self.totals.lines);
        out.varint(self.totals.evicted_templates);
        out.varint(self.totals.evicted_lines);
        out.varint(self.retired.len() as u64);
        for retired in &self.retired {
            save_template(&retired.template, out);
            match retired.fate {
                Fate::Evicted => out.bool(false),
                Fate::MergedInto(id) => {
                    out.bool(true);
                    out.fixed64(id.0);
                }
            }
        }
        out.varint(self.store.len() as u64);
        for template in self.templates() {
            save_template(template, out);
        }
    }

    /// Reads what [`Miner::save`] wrote under the same rules.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are no such state.
    pub fn load(rules: Arc<Rules>, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(input.invalid("version of a template miner", version.into()));
        }
        let mut miner = Self::new(rules);
        miner.totals =
            Totals { lines: input.varint()?, evicted_templates: input.varint()?, evicted_lines: input.varint()? };
        for _ in 0..input.count()? {
            let template = load_template(input)?;
            let fate = match input.bool()? {
                false => Fate::Evicted,
                true => Fate::MergedInto(TemplateId(input.fixed64()?)),
            };
            miner.retired.push(Retired { template, fate });
        }
        let mut by_age = Vec::new();
        let live = input.count()?;
        if live as u64 > u64::from(miner.rules.limits.max_templates) {
            return Err(input.invalid("number of templates", live as u64));
        }
        for _ in 0..live {
            let template = load_template(input)?;
            let (id, first) = (template.id, template.first);
            if miner.store.find(id).is_some() {
                return Err(input.invalid("template id that is new", id.0));
            }
            by_age.push((first, miner.store.insert(template)));
        }
        by_age.sort_unstable();
        for (_, slot) in by_age {
            miner.enter(slot);
        }
        Ok(miner)
    }
}

fn save_template(template: &Template, out: &mut Writer) {
    out.fixed64(template.id.0);
    out.bytes(&template.text);
    out.varint(template.wild.len() as u64);
    for position in &template.wild {
        out.varint(u64::from(*position));
    }
    out.varint(template.count);
    out.varint(template.first);
    out.varint(template.last);
}

fn load_template(input: &mut Reader<'_>) -> Result<Template, WireError> {
    let id = TemplateId(input.fixed64()?);
    let text = input.bytes()?;
    let parts: Box<[Part]> =
        if text.is_empty() { Box::default() } else { text.split(|byte| *byte == b' ').map(Part::of).collect() };
    let mut wild = SmallVec::new();
    for _ in 0..input.count()? {
        let position = input.varint32()?;
        let known = u16::try_from(position).ok().filter(|at| usize::from(*at) < parts.len());
        let ascending = wild.last().is_none_or(|last| u32::from(*last) < position);
        match known.filter(|_| ascending) {
            Some(position) => wild.push(position),
            None => return Err(input.invalid("position in a template", position.into())),
        }
    }
    Ok(Template {
        id,
        text: text.into(),
        parts,
        wild,
        count: input.varint()?,
        first: input.varint()?,
        last: input.varint()?,
    })
}
