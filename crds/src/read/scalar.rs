//! Plain scalars: from a word without quotes to a JSON value.
//!
//! Two readers meet here. This one follows the core schema of YAML 1.2; kubectl and most tools around the
//! API server use a YAML 1.1 reader (sigs.k8s.io/yaml). Where both read the same value, that is it. Where
//! they do not (`no`, `off`, `0123`, `1_000`), the word is refused with a remedy, so that no resource means
//! one thing here and another thing in the cluster. The table in the tests was measured with sigs.k8s.io/yaml 1.6.

use serde_json::{Number, Value};

/// Why a plain scalar is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A boolean in YAML 1.1, a text in YAML 1.2.
    Boolean,
    /// A number in YAML 1.1, another number or a text in YAML 1.2.
    Number,
    /// Infinity or not a number, which JSON has not.
    NotJson,
}

/// True for the words that only YAML 1.1 reads as booleans.
pub(crate) fn is_yaml_1_1_boolean(word: &str) -> bool {
    matches!(
        word,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    )
}

/// The JSON value of a scalar without quotes.
pub(crate) fn resolve_plain(word: &str) -> Result<Value, Refused> {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(Refused::NotJson),
        _ => {}
    }
    if is_yaml_1_1_boolean(word) {
        return Err(Refused::Boolean);
    }
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(Refused::NotJson);
    }
    if !unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
        return Ok(Value::String(word.to_owned()));
    }
    if let Some(number) = core_number(word, unsigned)? {
        return Ok(number);
    }
    if !unsigned.starts_with('.') && is_yaml_1_1_number(unsigned) {
        return Err(Refused::Number);
    }
    Ok(Value::String(word.to_owned()))
}

/// A number of the core schema that YAML 1.1 reads in the same way; none for a text.
fn core_number(word: &str, unsigned: &str) -> Result<Option<Value>, Refused> {
    let has_sign = unsigned.len() < word.len();
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = unsigned.strip_prefix(prefix).filter(|digits| is_digits(digits, radix)) {
            // With a sign the core schema has a text; digits beyond 64 bits are no number that JSON keeps.
            let number = u64::from_str_radix(digits, radix).ok().filter(|_| !has_sign);
            return number.map(|number| Some(Value::from(number))).ok_or(Refused::Number);
        }
    }
    if is_digits(unsigned, 10) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Err(Refused::Number);
        }
        return Ok(integer(word));
    }
    if !is_core_float(unsigned) {
        return Ok(None);
    }
    match word.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(float(number))),
        _ => Err(Refused::NotJson),
    }
}

fn integer(word: &str) -> Option<Value> {
    let digits = word.strip_prefix('+').unwrap_or(word);
    if let Ok(number) = digits.parse::<i64>() {
        return Some(Value::from(number));
    }
    if let Ok(number) = digits.parse::<u64>() {
        return Some(Value::from(number));
    }
    digits.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}

/// JSON has one kind of number: `5.0` arrives at the API server as 5.
fn float(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn is_digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix))
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_core_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let exponent_fits =
        exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10));
    let mantissa_fits = match mantissa.split_once('.') {
        None => is_digits(mantissa, 10),
        Some(("", fraction)) => is_digits(fraction, 10),
        Some((whole, fraction)) => is_digits(whole, 10) && (fraction.is_empty() || is_digits(fraction, 10)),
    };
    exponent_fits && mantissa_fits
}

/// What YAML 1.1 reads as a number beyond the core schema: `_` between digits, binary, capital prefixes.
fn is_yaml_1_1_number(unsigned: &str) -> bool {
    let plain = unsigned.replace('_', "");
    let prefixed = [("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8), ("0x", 16), ("0X", 16)];
    prefixed.iter().any(|(prefix, radix)| plain.strip_prefix(prefix).is_some_and(|digits| is_digits(digits, *radix)))
        || is_core_float(&plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Measured: what sigs.k8s.io/yaml 1.6 makes of the word, when this reader takes it.
    #[test]
    fn agrees_with_the_api_servers_reader() {
        for (word, value) in [
            ("~", json!(null)),
            ("True", json!(true)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("2001-01-01", json!("2001-01-01")),
            ("2026-11-01T10:42:00Z", json!("2026-11-01T10:42:00Z")),
            ("1e3", json!(1000)),
            ("1.", json!(1)),
            (".5", json!(0.5)),
            ("1.0", json!(1)),
            ("+5", json!(5)),
            ("-5", json!(-5)),
            ("12:30", json!("12:30")),
            ("0.10", json!(0.1)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
            ("=", json!("=")),
            ("._5", json!("._5")),
            ("1m30s", json!("1m30s")),
            ("10.20.0.0/16", json!("10.20.0.0/16")),
            ("-", json!("-")),
            (".", json!(".")),
            ("+", json!("+")),
            ("1e", json!("1e")),
        ] {
            assert_eq!(resolve_plain(word), Ok(value), "{word}");
        }
    }

    /// Measured: sigs.k8s.io/yaml 1.6 reads another value than YAML 1.2 does.
    #[test]
    fn refuses_what_the_two_versions_read_differently() {
        for (word, refused) in [
            ("off", Refused::Boolean),
            ("y", Refused::Boolean),
            ("No", Refused::Boolean),
            ("0123", Refused::Number),
            ("08", Refused::Number),
            ("1_000", Refused::Number),
            ("1_0.5", Refused::Number),
            ("1__0", Refused::Number),
            ("0b11", Refused::Number),
            ("-0x1F", Refused::Number),
            ("0x_1F", Refused::Number),
            ("1e400", Refused::NotJson),
            (".inf", Refused::NotJson),
            ("-.INF", Refused::NotJson),
            (".nan", Refused::NotJson),
        ] {
            assert_eq!(resolve_plain(word), Err(refused), "{word}");
        }
    }
}
