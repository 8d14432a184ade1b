//! No text panics, printing and parsing agree, and the closures do what the naive interpreter does.

use super::super::parse::parse;
use super::super::{ExprError, Fault, MAX_TEXT, Type, Value};
use super::compiled;
use super::generate::Draw;
use super::oracle::{Any, interpret};
use proptest::prelude::*;

/// Pieces of the language, so that random texts get past the lexer.
const PIECES: &[&str] = &[
    "i",
    "s",
    "b",
    "f",
    "ts",
    "d",
    "sev",
    "math",
    "nope",
    "has",
    "size",
    "1",
    "0",
    "-",
    "9223372036854775808",
    "0x1f",
    "1u",
    "1.5",
    ".5",
    "1e9",
    "'a'",
    "\"b\"",
    "r'\\d'",
    "b'\\xff'",
    "'''",
    "'",
    "`",
    "\\",
    "true",
    "null",
    "in",
    "for",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "=",
    "&",
    "matches",
    "startsWith",
    "int",
    "duration",
    "'1h'",
    "greatest",
    "//",
    "\n",
    "é",
    "{",
    "and",
];

fn check_text(text: &str) {
    if let Err(ExprError { column, length, message, remedy }) = compiled(text) {
        let characters = text.chars().count();
        assert!(column >= 1 && length >= 1, "{text:?}: {column} {length}");
        assert!(column <= characters + 1, "{text:?}: column {column} is behind the end");
        assert!(column + length <= characters + 2, "{text:?}: {column} + {length} is behind the end");
        assert!(!message.is_empty() && !remedy.is_empty() && !message.contains('\n'), "{text:?}: {message:?}");
    }
}

fn same(kind: Type, expected: &Any, found: &Value<'_>) -> bool {
    match (expected, found) {
        (Any::Null, Value::Null) => true,
        (Any::Bool(a), Value::Bool(b)) => kind == Type::Bool && a == b,
        (Any::Int(a), Value::Int(b)) => kind == Type::Int && a == b,
        (Any::Enum(a), Value::Int(b)) => kind == Type::Enum && a == b,
        (Any::Duration(a), Value::Int(b)) => kind == Type::Duration && a == b,
        (Any::Timestamp(a), Value::Int(b)) => kind == Type::Timestamp && a == b,
        (Any::Uint(a), Value::Uint(b)) => kind == Type::Uint && a == b,
        (Any::Float(a), Value::Float(b)) => {
            kind == Type::Float && (a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
        }
        (Any::String(a), Value::Text(b)) => kind == Type::String && a.as_bytes() == &**b,
        (Any::Bytes(a), Value::Text(b)) => kind == Type::Bytes && a.as_slice() == &**b,
        _ => false,
    }
}

/// Compares closures and interpreter for one tree and some rows. False when the tree has a part that
/// fails for every row, which does not compile.
fn agree(numbers: &[u16]) -> bool {
    let mut draw = Draw::new(numbers, true);
    let kind = draw.kind();
    let tree = draw.tree(kind, 4);
    let text = tree.to_string();
    let program = match compiled(&text) {
        Ok(program) => program,
        Err(error) => {
            let expected = ["fails for every row", "more than"].iter().any(|part| error.message.contains(part));
            assert!(expected, "{text}\n{error}");
            return false;
        }
    };
    for _ in 0..4 {
        let row = draw.row();
        let expected = interpret(&tree, &row);
        let found = program.try_value(&row);
        let agreed = match (&expected, &found) {
            (Ok(expected), Ok(found)) => same(program.kind(), expected, found),
            // Which of several errors is shown is left open, by CEL and here.
            (Err(_), Err(_)) => true,
            _ => false,
        };
        assert!(agreed, "{text}\n  row {row:?}\n  expected {expected:?}\n  found {found:?}");
        assert_eq!(program.bool(&row), program.try_bool(&row).ok());
        if program.kind().is_number() {
            assert_eq!(program.number(&row).is_some(), found.is_ok());
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_gives_a_program_or_an_error(text in any::<String>()) {
        check_text(&text);
    }

    #[test]
    fn pieces_of_the_language_give_a_program_or_an_error(
        pieces in prop::collection::vec((prop::sample::select(PIECES), any::<bool>()), 0..40)
    ) {
        let text: String = pieces.iter().map(|(piece, blank)| format!("{piece}{}", if *blank { " " } else { "" })).collect();
        check_text(&text);
    }

    #[test]
    fn a_printed_tree_parses_to_itself(numbers in prop::collection::vec(any::<u16>(), 0..120)) {
        let mut draw = Draw::new(&numbers, false);
        let tree = draw.tree(Type::Bool, 4);
        let text = tree.to_string();
        if text.len() <= MAX_TEXT {
            match parse(&text) {
                Ok(parsed) => {
                    prop_assert_eq!(&parsed, &tree, "{}", text);
                    prop_assert_eq!(parsed.to_string(), text);
                }
                Err(problem) => prop_assert!(problem.message.contains("more than"), "{}\n{:?}", text, problem),
            }
        }
    }

    #[test]
    fn an_error_of_a_row_is_no_value(number in any::<i64>()) {
        let program = compiled("i / j").unwrap();
        let row = super::row(&[("i", crate::row::Cell::Int(number)), ("j", crate::row::Cell::Int(0))]);
        prop_assert_eq!(program.try_number(&row), Err(Fault::DivisionByZero));
        prop_assert_eq!(program.number(&row), None);
        prop_assert_eq!(program.value(&row), Value::Null);
    }
}

/// Not a `proptest!` block, because the share of trees that were really compared is asserted too.
#[test]
fn closures_do_what_the_interpreter_does() {
    let config = ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let compared = std::cell::Cell::new(0);
    let numbers = prop::collection::vec(any::<u16>(), 0..200);
    let outcome = runner.run(&numbers, |numbers| {
        compared.set(compared.get() + usize::from(agree(&numbers)));
        Ok(())
    });
    outcome.unwrap();
    assert!(compared.get() > 10_000, "only {} trees were compared", compared.get());
}
