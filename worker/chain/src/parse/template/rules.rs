//! The settings of a miner, and their compiled form.

use logloom_crds::manifest;
use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use super::scan::WILDCARD;

/// Most bytes of memory that one mask's compiled pattern may take.
const MASK_SIZE_LIMIT: usize = 1 << 20;

/// A pattern whose matches are variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Name of the variable's type, such as `ip`.
    pub name: String,
    /// Regular expression over bytes. `\d`, `\w`, `\s` and `\b` mean ASCII; `(?u)` in front asks
    /// for Unicode.
    pub pattern: String,
}

/// How lines become groups, once their values are masked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grouping {
    /// Words are constants until enough different words have been seen in one place (`words`).
    Words,
    /// Drain (He et al., ICWS 2017): a tree of fixed depth, then token similarity.
    Drain {
        /// Depth of the tree, counted as in the paper: the root and the leaves are two of it.
        depth: u16,
        /// Share of equal tokens from which a line joins a template, 0 to 1.
        similarity: f64,
        /// Most children of one node; further tokens share the `<*>` child.
        max_children: u32,
    },
}

/// What bounds the state of a miner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most live templates; the one unused for longest makes room.
    pub max_templates: u32,
    /// Most bytes of a line that are looked at; the rest is one variable.
    pub max_line_bytes: u32,
    /// Most tokens of a line that are looked at; the rest is one variable.
    pub max_tokens: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_templates: 3_000, max_line_bytes: 4_096, max_tokens: 256 }
    }
}

/// The settings of a miner.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Applied to the whole line in this order, each to what the one before left.
    pub masks: Vec<Mask>,
    /// Whether the built-in masks run after `masks`.
    pub builtin_masks: bool,
    /// How lines become groups.
    pub grouping: Grouping,
    /// Bounds of state.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self { masks: Vec::new(), builtin_masks: true, grouping: Grouping::Words, limits: Limits::default() }
    }
}

impl From<&manifest::Templates> for Settings {
    /// The settings of a manifest. Its `field` and `exclude` are the caller's business: they decide
    /// what is mined at all.
    fn from(templates: &manifest::Templates) -> Self {
        let mask = |mask: &manifest::Mask| Mask {
            name: mask.name.as_str().to_owned(),
            pattern: mask.pattern.as_str().to_owned(),
        };
        let grouping = match templates.grouping {
            manifest::TemplateGrouping::Words => Grouping::Words,
            manifest::TemplateGrouping::Drain => Grouping::Drain {
                depth: u16::try_from(templates.depth).unwrap_or(u16::MAX),
                similarity: templates.similarity,
                max_children: templates.max_children,
            },
        };
        Self {
            masks: templates.masks.iter().map(mask).collect(),
            builtin_masks: templates.builtin_masks,
            grouping,
            limits: Limits { max_templates: templates.max_templates, ..Limits::default() },
        }
    }
}

/// Why settings were refused.
#[derive(Debug, Error)]
pub enum RulesError {
    /// A mask is no regular expression, or too large a one.
    #[error("mask `{name}`: {source}")]
    Mask {
        /// The mask's name.
        name: String,
        /// What the pattern's compiler says.
        source: regex::Error,
    },
    /// A number is outside its range.
    #[error("{what} is {found}, it must be within {range}")]
    Range {
        /// The setting.
        what: &'static str,
        /// Its value.
        found: f64,
        /// What is allowed.
        range: &'static str,
    },
}

/// Compiled settings; shared by the miners of all partitions of a source.
#[derive(Debug)]
pub struct Rules {
    pub(super) masks: Vec<(String, Regex)>,
    pub(super) builtin_masks: bool,
    pub(super) grouping: Grouping,
    pub(super) limits: Limits,
}

impl Rules {
    /// Compiles the masks and checks the ranges.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn compile(settings: &Settings) -> Result<Self, RulesError> {
        let range = |what, found: f64, within: bool, range| {
            if within { Ok(()) } else { Err(RulesError::Range { what, found, range }) }
        };
        let limits = settings.limits;
        range("maxTemplates", limits.max_templates.into(), limits.max_templates >= 1, "1..")?;
        range("maxTokens", limits.max_tokens.into(), limits.max_tokens >= 1, "1..")?;
        let bytes = limits.max_line_bytes;
        range("maxLineBytes", bytes.into(), (1..=1 << 24).contains(&bytes), "1..=16777216")?;
        if let Grouping::Drain { depth, similarity, max_children } = settings.grouping {
            range("depth", depth.into(), (3..=64).contains(&depth), "3..=64")?;
            range("similarity", similarity, (0.0..=1.0).contains(&similarity), "0..=1")?;
            range("maxChildren", max_children.into(), max_children >= 2, "2..")?;
        }
        let masks = settings.masks.iter().map(compile_mask).collect::<Result<_, _>>()?;
        Ok(Self { masks, builtin_masks: settings.builtin_masks, grouping: settings.grouping, limits })
    }

    /// The name of a mask, for [`super::Kind::Mask`].
    pub fn mask_name(&self, index: u16) -> Option<&str> {
        self.masks.get(usize::from(index)).map(|(name, _)| name.as_str())
    }
}

fn compile_mask(mask: &Mask) -> Result<(String, Regex), RulesError> {
    RegexBuilder::new(&mask.pattern)
        .unicode(false)
        .size_limit(MASK_SIZE_LIMIT)
        .build()
        .map(|regex| (mask.name.clone(), regex))
        .map_err(|source| RulesError::Mask { name: mask.name.clone(), source })
}

/// Where a byte of the masked text comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub from: u32,
    pub to: u32,
    /// The mask that put it there.
    pub mask: Option<u16>,
}

/// The line after the user's masks. The buffers are reused from line to line.
#[derive(Debug, Clone, Default)]
pub(super) struct Masked {
    text: Vec<u8>,
    spare: Vec<u8>,
    /// One per byte of `text`; only kept when variables are asked for.
    pub origin: Vec<Origin>,
    spare_origin: Vec<Origin>,
}

impl Masked {
    /// Applies `rules` to `line` and returns the masked text, which is `line` itself when no mask
    /// matches.
    pub fn apply<'a>(&'a mut self, rules: &Rules, line: &'a [u8], record: bool) -> &'a [u8] {
        self.origin.clear();
        if record {
            let byte = |at: usize| Origin { from: at as u32, to: at as u32 + 1, mask: None };
            self.origin.extend((0..line.len()).map(byte));
        }
        let mut changed = false;
        for (index, (_, regex)) in rules.masks.iter().enumerate() {
            let input = if changed { self.text.as_slice() } else { line };
            self.spare.clear();
            self.spare_origin.clear();
            let mut copied = 0;
            for found in regex.find_iter(input) {
                self.spare.extend_from_slice(&input[copied..found.start()]);
                self.spare.extend_from_slice(WILDCARD);
                if record {
                    self.spare_origin.extend_from_slice(&self.origin[copied..found.start()]);
                    let hole = hole(&self.origin, found.range(), index as u16);
                    self.spare_origin.extend([hole; WILDCARD.len()]);
                }
                copied = found.end();
            }
            if self.spare.is_empty() {
                continue;
            }
            self.spare.extend_from_slice(&input[copied..]);
            if record {
                self.spare_origin.extend_from_slice(&self.origin[copied..]);
                std::mem::swap(&mut self.origin, &mut self.spare_origin);
            }
            std::mem::swap(&mut self.text, &mut self.spare);
            changed = true;
        }
        if changed { &self.text } else { line }
    }
}

fn hole(origin: &[Origin], range: std::ops::Range<usize>, mask: u16) -> Origin {
    let from = origin.get(range.start).map_or_else(|| origin.last().map_or(0, |last| last.to), |first| first.from);
    let to = range.end.checked_sub(1).and_then(|last| origin.get(last)).map_or(from, |last| last.to);
    Origin { from, to: to.max(from), mask: Some(mask) }
}
