//! The header notation of LogHub: `<Date> <Time> <Level> <Component>: <Content>`.
//!
//! A `<Name>` is a field, everything else is a regular expression in which a run of spaces stands
//! for any white space. That is the reading of logparser, the program that LogHub is published with. One thing is
//! added: a format that is meant literally, such as `[<Time>] <Content>`, is read literally, because
//! as an expression its brackets would swallow the field.

use regex::bytes::{Captures, Regex, RegexBuilder};
use thiserror::Error;

/// The field that holds the free text.
const CONTENT: &str = "Content";

/// Why a format cannot be used.
#[derive(Debug, Error)]
pub enum HeaderError {
    /// There is no field `<Content>`.
    #[error("the format `{format}` has no <Content>, the field whose templates are mined")]
    NoContent {
        /// The format.
        format: String,
    },
    /// A field's name cannot be one.
    #[error("the format `{format}`: <{name}> must be letters, digits and underscores, and stand only once")]
    BadName {
        /// The format.
        format: String,
        /// The field.
        name: String,
    },
    /// A field stands inside a character class.
    #[error("the format `{format}`: an unescaped [ swallows a field; write \\[ for a bracket")]
    Swallowed {
        /// The format.
        format: String,
    },
    /// What stands between the fields is no regular expression.
    #[error("the format `{format}`: {source}")]
    BadPattern {
        /// The format.
        format: String,
        /// What the pattern's compiler says.
        source: regex::Error,
    },
}

/// A compiled format.
#[derive(Debug, Clone)]
pub struct Header {
    regex: Regex,
}

impl Header {
    /// Compiles `format`.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn parse(format: &str) -> Result<Self, HeaderError> {
        let pieces = split(format);
        let mut names: Vec<&str> = Vec::new();
        for piece in &pieces {
            if let Piece::Field(name) = piece {
                let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let starts_well = name.starts_with(|first: char| !first.is_ascii_digit());
                if !is_word || !starts_well || names.contains(name) {
                    return Err(HeaderError::BadName { format: format.to_owned(), name: (*name).to_owned() });
                }
                names.push(name);
            }
        }
        if !names.contains(&CONTENT) {
            return Err(HeaderError::NoContent { format: format.to_owned() });
        }
        let finds_all =
            |regex: &Regex| names.iter().all(|name| regex.capture_names().flatten().any(|found| found == *name));
        let bad_pattern = |source| HeaderError::BadPattern { format: format.to_owned(), source };
        // Whoever escapes something writes an expression; then a slip is better said than guessed at.
        let may_be_literal = !format.contains('\\');
        let regex = match compile(&pieces, false) {
            Ok(regex) if finds_all(&regex) => regex,
            Ok(_) | Err(_) if may_be_literal => compile(&pieces, true).map_err(bad_pattern)?,
            Ok(_) => return Err(HeaderError::Swallowed { format: format.to_owned() }),
            Err(source) => return Err(bad_pattern(source)),
        };
        Ok(Self { regex })
    }

    /// The free text of `line`, or `None` when the line does not have this header.
    pub fn content<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        let captures: Captures<'l> = self.regex.captures(line.trim_ascii())?;
        captures.name(CONTENT).map(|content| content.as_bytes())
    }
}

enum Piece<'f> {
    Text(&'f str),
    Field(&'f str),
}

/// Splits at `<…>` that holds neither `<` nor `>`.
fn split(format: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(close) = rest.find('>') {
        match rest[..close].rfind('<') {
            Some(open) if open + 1 < close => {
                pieces.push(Piece::Text(&rest[..open]));
                pieces.push(Piece::Field(&rest[open + 1..close]));
            }
            _ => pieces.push(Piece::Text(&rest[..=close])),
        }
        rest = &rest[close + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn compile(pieces: &[Piece<'_>], literal: bool) -> Result<Regex, regex::Error> {
    let mut pattern = String::from("^");
    for piece in pieces {
        match piece {
            Piece::Field(name) => pattern.push_str(&format!("(?P<{name}>.*?)")),
            Piece::Text(text) if literal => push_spaced(&mut pattern, &regex::escape(text)),
            Piece::Text(text) => push_spaced(&mut pattern, text),
        }
    }
    pattern.push('$');
    RegexBuilder::new(&pattern).unicode(false).build()
}

/// Appends `text` with every run of spaces as `\s+`.
fn push_spaced(pattern: &mut String, text: &str) {
    let mut in_space = false;
    for character in text.chars() {
        if character != ' ' {
            pattern.push(character);
        } else if !in_space {
            pattern.push_str(r"\s+");
        }
        in_space = character == ' ';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content<'l>(format: &str, line: &'l str) -> Option<&'l str> {
        let content = Header::parse(format).unwrap().content(line.as_bytes());
        content.map(|content| std::str::from_utf8(content).unwrap())
    }

    #[test]
    fn a_plain_header() {
        let format = "<Date> <Time> <Level> <Component>: <Content>";
        assert_eq!(content(format, "17/06/09 20:10:40 INFO a.B: Changing view acls: x"), Some("Changing view acls: x"));
        assert_eq!(content(format, "17/06/09   20:10:40 INFO a.B:  two  spaces \n"), Some("two  spaces"));
        assert_eq!(content(format, "a stack trace"), None);
    }

    #[test]
    fn escaped_brackets_and_optional_groups_are_expressions() {
        let format = r"<User> <Component>(\[<PID>\])?: <Content>";
        assert_eq!(content(format, "root crond[29]: (root) CMD"), Some("(root) CMD"));
        assert_eq!(content(format, "root kernel: up"), Some("up"));
    }

    #[test]
    fn brackets_meant_literally_are_read_literally() {
        let line = "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok";
        for format in [r"\[<Time>\] \[<Level>\] <Content>", "[<Time>] [<Level>] <Content>"] {
            assert_eq!(content(format, line), Some("workerEnv.init() ok"));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_content_too() {
        let header = Header::parse("<Level> <Content>").unwrap();
        assert_eq!(header.content(b"INFO \xff\xfe x"), Some(&b"\xff\xfe x"[..]));
    }

    #[test]
    fn what_is_wrong_with_a_format_is_said() {
        assert!(matches!(Header::parse("<Date> <Text>"), Err(HeaderError::NoContent { .. })));
        assert!(matches!(Header::parse("<A> <A> <Content>"), Err(HeaderError::BadName { .. })));
        assert!(matches!(Header::parse("<A b> <Content>"), Err(HeaderError::BadName { .. })));
        assert!(matches!(Header::parse(r"[<A>] \[<Content>"), Err(HeaderError::Swallowed { .. })));
        assert!(matches!(Header::parse(r"\q <Content>"), Err(HeaderError::BadPattern { .. })));
    }
}
