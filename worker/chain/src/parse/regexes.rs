//! Patterns of a manifest: regular expressions with a bound on what they cost.
//!
//! The engine is linear in the text. What a pattern could still blow up is its own compiled size, so
//! that has a bound, and reaching it is a finding instead of memory.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use thiserror::Error;

/// Greatest compiled size of a pattern in bytes, as the `regex` crate counts it; also the bound of its lazy automaton.
pub const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternProblem {
    /// It is not a regular expression, or one that could cut a character in two.
    #[error("{0}")]
    Syntax(String),
    /// Its automaton is too large.
    #[error("the pattern needs more than {MAX_PATTERN_BYTES} bytes when compiled")]
    TooLarge,
    /// Every text matches.
    #[error("the pattern matches the empty text, so it matches everywhere")]
    MatchesEmpty,
}

impl PatternProblem {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Syntax(_) => {
                "correct the pattern; look-around and back-references do not exist here, since they are not linear"
            }
            Self::TooLarge => {
                "make counted repetitions such as {1000} smaller, or use (?-u) classes and \\S or . with + instead"
            }
            Self::MatchesEmpty => "use + instead of *, or name a text that must be there",
        }
    }
}

/// A pattern and its syntax tree.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The engine.
    pub regex: Regex,
    /// What it was made from, for prefilters.
    pub tree: Hir,
}

/// Compiles a pattern over bytes that can only match whole characters.
///
/// # Errors
/// [`PatternProblem::Syntax`], [`PatternProblem::TooLarge`].
pub fn compile(pattern: &str) -> Result<Compiled, PatternProblem> {
    let tree = ParserBuilder::new().utf8(true).build().parse(pattern).map_err(|error| syntax(&error))?;
    let regex =
        RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES).build().map_err(
            |error| match error {
                regex::Error::CompiledTooBig(_) => PatternProblem::TooLarge,
                other => PatternProblem::Syntax(one_line(&other.to_string())),
            },
        )?;
    Ok(Compiled { regex, tree })
}

fn syntax(error: &regex_syntax::Error) -> PatternProblem {
    let (message, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span()),
        other => return PatternProblem::Syntax(one_line(&other.to_string())),
    };
    PatternProblem::Syntax(format!("character {}: {message}", span.start.column))
}

/// The engine draws the pattern with carets over several lines; the last line says what is wrong.
fn one_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_refused_before_they_cost_memory() {
        for bomb in ["(a{1000}){1000}", "((a{100}){100}){100}", r"\w{5000}", r"(\p{L}{30}){30}"] {
            assert_eq!(compile(bomb).unwrap_err(), PatternProblem::TooLarge, "{bomb}");
        }
        assert!(matches!(compile(&"(".repeat(4000)), Err(PatternProblem::Syntax(_))));
        assert!(matches!(
            compile(&format!("{}a{}", "(".repeat(1000), ")".repeat(1000))),
            Err(PatternProblem::Syntax(_))
        ));
    }

    #[test]
    fn a_syntax_error_is_one_line_with_its_place() {
        let problem = |pattern: &str| compile(pattern).unwrap_err().to_string();
        assert_eq!(problem("ab(c"), "character 3: unclosed group");
        assert_eq!(
            problem(r"a(?=b)"),
            "character 2: look-around, including look-ahead and look-behind, is not supported"
        );
        assert_eq!(problem(r"(a)\1"), "character 4: backreferences are not supported");
        assert_eq!(problem(r"(?-u:\xff)"), "character 6: pattern can match invalid UTF-8");
    }
}
