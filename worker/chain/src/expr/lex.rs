//! Text to tokens (CEL spec, "Syntax" and "String and Bytes Values").

use super::ast::Literal;
use super::error::{Problem, Span};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name. The flag is true when it stood in backticks, so that it may be any word.
    Name(String, bool),
    /// Everything but an `Int` or a `Uint`.
    Literal(Literal),
    /// A whole number without its sign, and whether a `u` follows: `9223372036854775808` is good
    /// only behind a minus, which the parser sees.
    Whole { magnitude: u64, unsigned: bool },
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Behind the last token.
    End,
}

/// Longest first, so that `<=` is not `<` and `=`.
const SYMBOLS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")", "[", "]", ".", ",",
];

/// What other languages write, and what is written here.
const FOREIGN: &[(&str, &str)] = &[
    ("=~", "write text.matches('pattern')"),
    ("=", "write == to compare"),
    ("&", "write && for and"),
    ("|", "write || for or"),
    ("^", "there is no bit arithmetic in this language"),
    ("~", "write text.matches('pattern')"),
    (";", "an expression has one part and no end mark"),
    ("{", "maps and messages are not part of this language"),
    ("}", "maps and messages are not part of this language"),
    ("#", "a comment starts with //"),
    ("$", "names are written as they are, without a mark"),
    ("@", "names are written as they are, without a mark"),
];

/// CEL's reserved words: none of them can be a bare name.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// True for a word that CEL keeps for the languages around it.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// True for a name that needs no backticks.
pub(super) fn is_plain_identifier(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(starts_name)
        && bytes.all(continues_name)
        && !is_reserved(word)
        && !matches!(word, "true" | "false" | "null" | "in")
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// All tokens with their places; the last is [`Token::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<(Token, Span)>, Problem> {
    let mut lexer = Lexer { source, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let token = lexer.token()?;
        let span = Span::new(start, lexer.at);
        let end = token == Token::End;
        found.push((token, span));
        if end {
            return Ok(found);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| wanted(*byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or("")
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|byte| byte != b'\n' && byte != b'\r');
        }
    }

    fn problem(&self, start: usize, end: usize, message: impl std::fmt::Display, remedy: &str) -> Problem {
        Problem::new(Span::new(start, end), message, remedy)
    }

    fn token(&mut self) -> Result<Token, Problem> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(Token::End);
        };
        if let Some((raw, bytes, skip)) = self.text_prefix() {
            self.at += skip;
            return self.text(raw, bytes);
        }
        if first.is_ascii_digit() || (first == '.' && self.byte(1).is_ascii_digit()) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(match self.take_while(continues_name) {
                "true" => Token::Literal(Literal::Bool(true)),
                "false" => Token::Literal(Literal::Bool(false)),
                "null" => Token::Literal(Literal::Null),
                "in" => Token::Symbol("in"),
                word => Token::Name(word.to_owned(), false),
            });
        }
        if first == '`' {
            return self.quoted_name();
        }
        let foreign = FOREIGN.iter().find(|(text, _)| self.rest().starts_with(text));
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            // `==` is ours, `=` is not; `!~` and `<>` fail in the parser.
            if foreign.is_none_or(|(text, _)| text.len() < symbol.len()) {
                self.at += symbol.len();
                return Ok(Token::Symbol(symbol));
            }
        }
        let start = self.at;
        match foreign {
            Some((text, remedy)) => {
                Err(self.problem(start, start + text.len(), format!("`{text}` is not an operator"), remedy))
            }
            None => Err(self.problem(
                start,
                start + first.len_utf8(),
                format!("unexpected character {first:?}"),
                "text goes in quotes; names are letters, digits and _",
            )),
        }
    }

    fn quoted_name(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|byte| continues_name(byte) || matches!(byte, b'.' | b'-' | b'/' | b' '));
        if self.byte(0) != b'`' || name.is_empty() {
            let message = "a name in backticks is letters, digits, and _ . - / or spaces";
            return Err(self.problem(start, self.at, message, "close it with a backtick"));
        }
        self.at += 1;
        Ok(Token::Name(name.to_owned(), true))
    }

    fn number(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        if self.byte(0) == b'0' && matches!(self.byte(1), b'x' | b'X') && self.byte(2).is_ascii_hexdigit() {
            self.at += 2;
            let digits = self.take_while(|byte| byte.is_ascii_hexdigit());
            return self.whole(start, digits, 16);
        }
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let mut double = false;
        if self.byte(0) == b'.' && self.byte(1).is_ascii_digit() {
            double = true;
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
        if matches!(self.byte(0), b'e' | b'E') && self.byte(1 + sign).is_ascii_digit() {
            double = true;
            self.at += 1 + sign;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        if !double {
            return self.whole(start, digits, 10);
        }
        self.no_letter_behind(start)?;
        let text = self.source.get(start..self.at).unwrap_or("");
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Token::Literal(Literal::Float(value))),
            _ => {
                let message = format!("{text} does not fit into a double");
                Err(self.problem(start, self.at, message, "the largest is about 1.8e308"))
            }
        }
    }

    fn whole(&mut self, start: usize, digits: &str, radix: u32) -> Result<Token, Problem> {
        let unsigned = matches!(self.byte(0), b'u' | b'U');
        self.at += usize::from(unsigned);
        self.no_letter_behind(start)?;
        match u64::from_str_radix(digits, radix) {
            Ok(magnitude) => Ok(Token::Whole { magnitude, unsigned }),
            Err(_) => {
                let text = self.source.get(start..self.at).unwrap_or("");
                let message = format!("{text} does not fit into 64 bits");
                Err(self.problem(start, self.at, message, "write it as a double, with a point or an exponent"))
            }
        }
    }

    fn no_letter_behind(&mut self, start: usize) -> Result<(), Problem> {
        if !continues_name(self.byte(0)) {
            return Ok(());
        }
        self.take_while(continues_name);
        let text = self.source.get(start..self.at).unwrap_or("");
        let remedy = match text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "ns" | "us" | "ms" | "s" | "m" | "h" => format!("for a time span write duration('{text}')"),
            _ => "a name cannot start with a digit; put text in quotes".to_owned(),
        };
        Err(Problem::new(Span::new(start, self.at), format!("`{text}` is not a number"), remedy))
    }

    /// If a text starts here: raw, bytes, and the length of the prefix letters.
    fn text_prefix(&self) -> Option<(bool, bool, usize)> {
        let quote = |ahead| matches!(self.byte(ahead), b'\'' | b'"');
        match (self.byte(0).to_ascii_lowercase(), self.byte(1).to_ascii_lowercase()) {
            _ if quote(0) => Some((false, false, 0)),
            (b'r', _) if quote(1) => Some((true, false, 1)),
            (b'b', _) if quote(1) => Some((false, true, 1)),
            (b'b', b'r') if quote(2) => Some((true, true, 2)),
            _ => None,
        }
    }

    fn text(&mut self, raw: bool, bytes: bool) -> Result<Token, Problem> {
        let start = self.at;
        let quote = self.rest().get(..1).unwrap_or("'");
        let triple = quote.repeat(3);
        let (mark, multiline) = if self.rest().starts_with(&triple) { (triple.as_str(), true) } else { (quote, false) };
        self.at += mark.len();
        let mut text = Vec::new();
        loop {
            if self.rest().starts_with(mark) {
                self.at += mark.len();
                break;
            }
            let Some(c) = self.rest().chars().next() else {
                return Err(self.problem(start, self.at, "this text has no end", &format!("close it with {mark}")));
            };
            if matches!(c, '\n' | '\r') && !multiline {
                let remedy = "close it on its line, write \\n, or use triple quotes";
                return Err(self.problem(start, self.at, "this text has no end on its line", remedy));
            }
            if c == '\\' && !raw {
                self.escape(bytes, &mut text)?;
            } else {
                self.at += c.len_utf8();
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if bytes {
            return Ok(Token::Literal(Literal::Bytes(text)));
        }
        // Only whole characters were pushed.
        Ok(Token::Literal(Literal::String(String::from_utf8_lossy(&text).into_owned())))
    }

    /// One escape sequence, from its backslash.
    fn escape(&mut self, bytes: bool, text: &mut Vec<u8>) -> Result<(), Problem> {
        let start = self.at;
        let letter = self.byte(1);
        let (code, length) = match letter {
            b'\\' | b'?' | b'"' | b'\'' | b'`' => (Some(u32::from(letter)), 2),
            b'a' => (Some(7), 2),
            b'b' => (Some(8), 2),
            b'f' => (Some(12), 2),
            b'n' => (Some(10), 2),
            b'r' => (Some(13), 2),
            b't' => (Some(9), 2),
            b'v' => (Some(11), 2),
            b'x' | b'X' => (self.digits(2, 2, 16), 4),
            b'u' if !bytes => (self.digits(2, 4, 16), 6),
            b'U' if !bytes => (self.digits(2, 8, 16), 10),
            b'0'..=b'3' => (self.digits(1, 3, 8), 4),
            _ => (None, 2),
        };
        let (code, length) = self.surrogates(code, length);
        let character = code.and_then(char::from_u32);
        match (character, code.and_then(|code| u8::try_from(code).ok())) {
            (_, Some(byte)) if bytes => text.push(byte),
            (Some(c), _) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => {
                let shown: String = self.rest().chars().take(2).collect();
                let end = start + shown.len();
                let remedy = "a backslash itself is written \\\\, or use a raw text: r'...'";
                return Err(self.problem(start, end, format!("`{shown}` is not a whole escape sequence"), remedy));
            }
        }
        self.at += length;
        Ok(())
    }

    /// `count` digits of `radix`, `ahead` bytes from here.
    fn digits(&self, ahead: usize, count: usize, radix: u32) -> Option<u32> {
        let digits = self.rest().get(ahead..ahead + count)?;
        // from_str_radix would take a sign.
        digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
    }

    /// Two `\u` escapes that are a surrogate pair are one character.
    fn surrogates(&self, code: Option<u32>, length: usize) -> (Option<u32>, usize) {
        let high = match code {
            Some(high @ 0xd800..=0xdbff) if length == 6 && self.rest().get(6..8) == Some("\\u") => high,
            _ => return (code, length),
        };
        match self.digits(8, 4, 16) {
            Some(low @ 0xdc00..=0xdfff) => (Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12),
            _ => (code, length),
        }
    }
}
