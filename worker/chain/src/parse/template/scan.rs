//! The built-in masks: one pass over a line that finds what can only be a value.
//!
//! A line is cut at white space into tokens and a token at punctuation into segments. A segment
//! becomes `<*>` when its form says that it is a value: it holds a digit (numbers, addresses, ids,
//! versions, times), or it is a path, a URL, a mail address, a name of three or more dotted parts,
//! or a literal (`true`, `false`, `null`, `nil`). Punctuation around it stays, so `uid=0)` becomes
//! `uid=<*>)`. Then four rules join what is one value to a reader:
//!
//! | rule | example | becomes |
//! |---|---|---|
//! | parts of one value | `10.1.2.3:50010`, `3,4,5` | `<*>` |
//! | a number and its unit | `317.1 KB,` | `<*>,` |
//! | a date in words | `Mon Apr 18 14:42:34 PDT 2005` | `<*>` |
//! | a run of the same masked token | `blk_1 blk_2 blk_3` | `<*>` |
//!
//! The last rule makes lists of any length one template. Nothing here knows a log format: only
//! forms of values.
//!
//! No allocation happens per line once the buffers have grown.

use super::form::{self, ALPHA, AT, DIGIT, DOT, HOLE, PAIR, SEPARATOR, SLASH, SPACE, class};
use super::variable::Kind;
use crate::id::hash64;

/// What stands for a variable in a template.
pub const WILDCARD: &[u8] = b"<*>";

/// Hash of a token that is nothing but [`WILDCARD`]; no other token gets it on purpose.
pub(super) const WILD_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// Class bits that send a token through [`Scan::segments`].
const NEEDS_SEGMENTS: u16 = DIGIT | SLASH | DOT | AT | HOLE | PAIR;

/// One token of a masked line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// Range in the masked text.
    pub start: u32,
    pub end: u32,
    /// Range in the scanned text.
    pub from: u32,
    pub to: u32,
    pub hash: u64,
    /// The token is `<*>` and nothing else.
    pub bare: bool,
    /// The token holds at least one `<*>`.
    pub masked: bool,
    /// A letter is left outside the masks.
    pub informative: bool,
    /// The unmasked token held a digit.
    pub digit: bool,
}

/// A masked value; only recorded when variables are asked for. `hint` is what the scanner knows
/// about its kind and its text does not show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub token: u32,
    pub from: u32,
    pub to: u32,
    pub hint: Option<Kind>,
}

/// What one run of the scanner is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// Mask values by their form; otherwise a line is only cut into tokens.
    pub builtin: bool,
    /// Fill [`Scan::spans`].
    pub record: bool,
    /// Most tokens that are read.
    pub max_tokens: u16,
    /// The text is the prefix of a longer line.
    pub cut: bool,
}

/// The masked form of one line: text, tokens, and on demand the spans of its values.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    /// Masked tokens with one space between.
    pub text: Vec<u8>,
    pub tokens: Vec<Token>,
    pub spans: Vec<Span>,
    /// The last token ends a date in words.
    dated: bool,
}

impl Scan {
    /// Cuts `line` into tokens at white space and masks it as `options` say.
    ///
    /// What lies beyond the bounds becomes one trailing `<*>`.
    pub fn run(&mut self, line: &[u8], options: Options) {
        self.text.clear();
        self.tokens.clear();
        self.spans.clear();
        self.dated = false;
        let mut cut = options.cut;
        let mut at = 0;
        loop {
            while at < line.len() && class(line[at]) & SPACE != 0 {
                at += 1;
            }
            if at == line.len() {
                break;
            }
            if self.tokens.len() >= usize::from(options.max_tokens) {
                cut = true;
                break;
            }
            let from = at;
            let mut bits = 0;
            while at < line.len() {
                let byte_class = class(line[at]);
                if byte_class & SPACE != 0 {
                    break;
                }
                bits |= byte_class;
                at += 1;
            }
            self.token(line, from..at, bits, options);
        }
        if cut {
            self.tail(at, line.len(), options.record);
        }
        for token in &mut self.tokens {
            let text = &self.text[token.start as usize..token.end as usize];
            token.hash = if token.bare { WILD_HASH } else { hash64(text) };
        }
    }

    /// The masked text of a token.
    pub fn token_text(&self, token: &Token) -> &[u8] {
        &self.text[token.start as usize..token.end as usize]
    }

    fn token(&mut self, line: &[u8], range: std::ops::Range<usize>, bits: u16, options: Options) {
        let raw = &line[range.clone()];
        if !self.tokens.is_empty() {
            self.text.push(b' ');
        }
        let start = self.text.len();
        let masked = if !options.builtin {
            self.text.extend_from_slice(raw);
            bits & HOLE != 0 && self.holes(raw, range.start, options.record)
        } else if bits & NEEDS_SEGMENTS != 0 || form::is_bracketed_literal(raw) {
            self.segments(raw, range.start, options.record)
        } else {
            self.text.extend_from_slice(raw);
            false
        };
        let informative = bits & ALPHA != 0 && (!masked || form::letters_outside_masks(&self.text[start..]));
        self.tokens.push(Token {
            start: start as u32,
            end: self.text.len() as u32,
            from: range.start as u32,
            to: range.end as u32,
            hash: 0,
            bare: masked && &self.text[start..] == WILDCARD,
            masked,
            informative,
            digit: bits & DIGIT != 0,
        });
        if !options.builtin {
            return;
        }
        if masked {
            self.join_date(raw);
            self.join_run();
        } else {
            self.join_unit(raw);
        }
    }

    /// Writes `raw` with its values masked. Returns whether there was one.
    fn segments(&mut self, raw: &[u8], base: usize, record: bool) -> bool {
        let token_start = self.text.len();
        let mut last_mask: Option<usize> = None;
        let mut at = 0;
        while at < raw.len() {
            if class(raw[at]) & SEPARATOR != 0 && !raw[at..].starts_with(WILDCARD) {
                self.text.push(raw[at]);
                at += 1;
                continue;
            }
            let (end, value) = form::segment(raw, at);
            if !value {
                self.text.extend_from_slice(&raw[at..end]);
                at = end;
                continue;
            }
            let joined = last_mask.filter(|mask_end| form::all_joiners(&self.text[*mask_end..]));
            match joined {
                Some(mask_end) => self.text.truncate(mask_end),
                None => self.text.extend_from_slice(WILDCARD),
            }
            last_mask = Some(self.text.len());
            if record {
                self.record(base + at, base + end, joined.is_some());
            }
            at = end;
        }
        debug_assert!(last_mask.is_none_or(|mask_end| mask_end > token_start));
        last_mask.is_some()
    }

    /// Records the `<*>` that the user's masks left in a token.
    fn holes(&mut self, raw: &[u8], base: usize, record: bool) -> bool {
        if !form::holds_hole(raw) {
            return false;
        }
        let mut at = 0;
        while record && at + WILDCARD.len() <= raw.len() {
            if raw[at..].starts_with(WILDCARD) {
                self.record(base + at, base + at + WILDCARD.len(), false);
                at += WILDCARD.len();
            } else {
                at += 1;
            }
        }
        true
    }

    /// Records a value of the token that is being written.
    fn record(&mut self, from: usize, to: usize, joins_last: bool) {
        let token = self.tokens.len() as u32;
        match self.spans.last_mut() {
            Some(span) if joins_last => span.to = to as u32,
            _ => self.spans.push(Span { token, from: from as u32, to: to as u32, hint: None }),
        }
    }

    /// `Apr 18`, `Mon Apr 18`, `18 Apr`, and after those `14:42:34 PDT 2005`.
    fn join_date(&mut self, raw: &[u8]) {
        let last = self.tokens.len() - 1;
        if !self.tokens[last].bare || last == 0 {
            self.dated = false;
            return;
        }
        let is_day_or_year = raw.len() <= 4 && raw[0].is_ascii_digit();
        if is_day_or_year && self.is_word(last - 1, form::is_month) {
            self.drop_before_last();
            if self.tokens.len() >= 2 && self.is_word(self.tokens.len() - 2, form::is_weekday) {
                self.drop_before_last();
            }
            self.dated = true;
        } else if self.dated && last >= 2 && self.is_word(last - 1, form::is_zone) {
            self.drop_before_last();
        } else if !self.tokens[last - 1].bare {
            self.dated = false;
        }
    }

    fn is_word(&self, index: usize, test: fn(&[u8]) -> bool) -> bool {
        let token = &self.tokens[index];
        !token.masked && test(self.token_text(token))
    }

    /// Removes the token before the last one, which is bare; the last one takes over its range.
    fn drop_before_last(&mut self) {
        let Some(bare) = self.tokens.pop() else { return };
        let index = self.tokens.len() as u32 - 1;
        let Some(dropped) = self.tokens.last_mut() else { return };
        self.text.truncate(dropped.start as usize);
        self.text.extend_from_slice(WILDCARD);
        let (start, from) = (dropped.start, dropped.from);
        *dropped = Token { start, end: start + WILDCARD.len() as u32, from, ..bare };
        if let Some(span) = self.spans.last_mut() {
            *span = Span { token: index, from, to: span.to, hint: Some(Kind::Timestamp) };
        }
    }

    /// `3 4 5 6` and `blk_1 blk_2`: a masked token that repeats its predecessor goes on with a list.
    fn join_run(&mut self) {
        let [.., before, last] = self.tokens.as_slice() else { return };
        if self.token_text(before) != self.token_text(last) {
            return;
        }
        let (text_end, to) = (before.end as usize, last.to);
        self.text.truncate(text_end);
        self.tokens.pop();
        let index = self.tokens.len() - 1;
        self.tokens[index].to = to;
        let Some(list_end) = self.spans.last().map(|span| span.to) else { return };
        while self.spans.last().is_some_and(|span| span.token as usize > index) {
            self.spans.pop();
        }
        if let Some(span) = self.spans.last_mut() {
            span.to = list_end;
            span.hint.get_or_insert(Kind::List);
        }
    }

    /// `317.1 KB`: a unit after a number belongs to the value, since it changes with the magnitude.
    fn join_unit(&mut self, raw: &[u8]) {
        self.dated &= form::is_zone(raw);
        let [.., before, last] = self.tokens.as_slice() else { return };
        if !before.digit || !before.masked || !self.token_text(before).ends_with(WILDCARD) {
            return;
        }
        let Some(unit) = form::unit(raw) else { return };
        let (space, rest) = (before.end as usize, last.start as usize + unit);
        let (to, unit_end) = (last.to, last.from + unit as u32);
        self.text.drain(space..rest);
        self.tokens.pop();
        let (index, end) = (self.tokens.len() - 1, self.text.len() as u32);
        let token = &mut self.tokens[index];
        token.end = end;
        token.to = to;
        token.bare = &self.text[token.start as usize..] == WILDCARD;
        if let Some(span) = self.spans.last_mut() {
            span.to = unit_end;
        }
    }

    /// What lies beyond a bound counts as one variable.
    fn tail(&mut self, from: usize, to: usize, record: bool) {
        let (from, to) = (from as u32, to as u32);
        let goes_on = self.tokens.last_mut().filter(|last| last.bare);
        match goes_on {
            Some(last) => last.to = to,
            None => {
                if !self.tokens.is_empty() {
                    self.text.push(b' ');
                }
                let start = self.text.len() as u32;
                self.text.extend_from_slice(WILDCARD);
                let end = self.text.len() as u32;
                self.tokens.push(Token {
                    start,
                    end,
                    from,
                    to,
                    hash: 0,
                    bare: true,
                    masked: true,
                    informative: false,
                    digit: false,
                });
            }
        }
        if record {
            let token = self.tokens.len() as u32 - 1;
            let last = self.spans.last().filter(|span| span.token == token);
            let from = last.map_or(from, |span| span.from);
            self.spans.retain(|span| span.token != token);
            self.spans.push(Span { token, from, to, hint: Some(Kind::Rest) });
        }
    }
}
