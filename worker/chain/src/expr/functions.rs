//! The functions that the language itself has, with their types. Everything else is asked of the
//! environment.

use super::Type;
use super::time::Field;

/// What a built-in function does. The types of its arguments select the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    /// Its second argument is a literal pattern.
    Matches,
    LowerAscii,
    UpperAscii,
    ToBool,
    ToBytes,
    ToDouble,
    ToDuration,
    ToInt,
    ToString,
    ToTimestamp,
    ToUint,
    Abs,
    Greatest,
    Least,
    /// Its second argument, if any, is a literal zone.
    Get(Field),
}

/// Where a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `name(x, y)`
    Global,
    /// `x.name(y)`
    Method,
}

/// One overload: argument types (the target of a method first) and the result.
pub(super) struct Overload {
    pub name: &'static str,
    pub style: Style,
    pub takes: &'static [Type],
    pub gives: Type,
    pub function: Function,
}

use Style::{Global, Method};
use Type::{Bool, Bytes, Duration, Enum, Float, Int, String as Text, Timestamp, Uint};

const fn of(name: &'static str, style: Style, takes: &'static [Type], gives: Type, function: Function) -> Overload {
    Overload { name, style, takes, gives, function }
}

/// `math.greatest` and `math.least` take any count of arguments and are checked by hand.
const VARIADIC: &[(&str, Function)] = &[("math.greatest", Function::Greatest), ("math.least", Function::Least)];

const OVERLOADS: &[Overload] = &[
    of("size", Global, &[Text], Int, Function::Size),
    of("size", Global, &[Bytes], Int, Function::Size),
    of("size", Method, &[Text], Int, Function::Size),
    of("size", Method, &[Bytes], Int, Function::Size),
    of("contains", Method, &[Text, Text], Bool, Function::Contains),
    of("startsWith", Method, &[Text, Text], Bool, Function::StartsWith),
    of("endsWith", Method, &[Text, Text], Bool, Function::EndsWith),
    of("matches", Method, &[Text, Text], Bool, Function::Matches),
    of("matches", Global, &[Text, Text], Bool, Function::Matches),
    of("lowerAscii", Method, &[Text], Text, Function::LowerAscii),
    of("upperAscii", Method, &[Text], Text, Function::UpperAscii),
    of("bool", Global, &[Bool], Bool, Function::ToBool),
    of("bool", Global, &[Text], Bool, Function::ToBool),
    of("bytes", Global, &[Bytes], Bytes, Function::ToBytes),
    of("bytes", Global, &[Text], Bytes, Function::ToBytes),
    of("double", Global, &[Float], Float, Function::ToDouble),
    of("double", Global, &[Int], Float, Function::ToDouble),
    of("double", Global, &[Uint], Float, Function::ToDouble),
    of("double", Global, &[Text], Float, Function::ToDouble),
    of("duration", Global, &[Duration], Duration, Function::ToDuration),
    of("duration", Global, &[Text], Duration, Function::ToDuration),
    of("int", Global, &[Int], Int, Function::ToInt),
    of("int", Global, &[Uint], Int, Function::ToInt),
    of("int", Global, &[Float], Int, Function::ToInt),
    of("int", Global, &[Text], Int, Function::ToInt),
    of("int", Global, &[Timestamp], Int, Function::ToInt),
    of("string", Global, &[Text], Text, Function::ToString),
    of("string", Global, &[Bytes], Text, Function::ToString),
    of("string", Global, &[Bool], Text, Function::ToString),
    of("string", Global, &[Int], Text, Function::ToString),
    of("string", Global, &[Uint], Text, Function::ToString),
    of("string", Global, &[Float], Text, Function::ToString),
    of("string", Global, &[Enum], Text, Function::ToString),
    of("string", Global, &[Duration], Text, Function::ToString),
    of("string", Global, &[Timestamp], Text, Function::ToString),
    of("timestamp", Global, &[Timestamp], Timestamp, Function::ToTimestamp),
    of("timestamp", Global, &[Text], Timestamp, Function::ToTimestamp),
    of("timestamp", Global, &[Int], Timestamp, Function::ToTimestamp),
    of("uint", Global, &[Uint], Uint, Function::ToUint),
    of("uint", Global, &[Int], Uint, Function::ToUint),
    of("uint", Global, &[Float], Uint, Function::ToUint),
    of("uint", Global, &[Text], Uint, Function::ToUint),
    of("math.abs", Global, &[Int], Int, Function::Abs),
    of("math.abs", Global, &[Uint], Uint, Function::Abs),
    of("math.abs", Global, &[Float], Float, Function::Abs),
    of("getFullYear", Method, &[Timestamp], Int, Function::Get(Field::FullYear)),
    of("getFullYear", Method, &[Timestamp, Text], Int, Function::Get(Field::FullYear)),
    of("getMonth", Method, &[Timestamp], Int, Function::Get(Field::Month)),
    of("getMonth", Method, &[Timestamp, Text], Int, Function::Get(Field::Month)),
    of("getDate", Method, &[Timestamp], Int, Function::Get(Field::Date)),
    of("getDate", Method, &[Timestamp, Text], Int, Function::Get(Field::Date)),
    of("getDayOfMonth", Method, &[Timestamp], Int, Function::Get(Field::DayOfMonth)),
    of("getDayOfMonth", Method, &[Timestamp, Text], Int, Function::Get(Field::DayOfMonth)),
    of("getDayOfWeek", Method, &[Timestamp], Int, Function::Get(Field::DayOfWeek)),
    of("getDayOfWeek", Method, &[Timestamp, Text], Int, Function::Get(Field::DayOfWeek)),
    of("getDayOfYear", Method, &[Timestamp], Int, Function::Get(Field::DayOfYear)),
    of("getDayOfYear", Method, &[Timestamp, Text], Int, Function::Get(Field::DayOfYear)),
    of("getHours", Method, &[Timestamp], Int, Function::Get(Field::Hours)),
    of("getHours", Method, &[Timestamp, Text], Int, Function::Get(Field::Hours)),
    of("getHours", Method, &[Duration], Int, Function::Get(Field::Hours)),
    of("getMinutes", Method, &[Timestamp], Int, Function::Get(Field::Minutes)),
    of("getMinutes", Method, &[Timestamp, Text], Int, Function::Get(Field::Minutes)),
    of("getMinutes", Method, &[Duration], Int, Function::Get(Field::Minutes)),
    of("getSeconds", Method, &[Timestamp], Int, Function::Get(Field::Seconds)),
    of("getSeconds", Method, &[Timestamp, Text], Int, Function::Get(Field::Seconds)),
    of("getSeconds", Method, &[Duration], Int, Function::Get(Field::Seconds)),
    of("getMilliseconds", Method, &[Timestamp], Int, Function::Get(Field::Milliseconds)),
    of("getMilliseconds", Method, &[Timestamp, Text], Int, Function::Get(Field::Milliseconds)),
    of("getMilliseconds", Method, &[Duration], Int, Function::Get(Field::Milliseconds)),
];

/// All overloads of a name.
pub(super) fn overloads(name: &str, style: Style) -> impl Iterator<Item = &'static Overload> {
    OVERLOADS.iter().filter(move |overload| overload.style == style && overload.name == name)
}

/// True when the language has a function or method of this name.
pub(super) fn exists(name: &str, style: Style) -> bool {
    overloads(name, style).next().is_some()
}

/// A function of any count of numbers.
pub(super) fn variadic(name: &str) -> Option<Function> {
    VARIADIC.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// All names of a style, for suggestions.
pub(super) fn names(style: Style) -> impl Iterator<Item = &'static str> {
    let variadic = VARIADIC.iter().map(|(name, _)| *name).filter(move |_| style == Global);
    OVERLOADS.iter().filter(move |overload| overload.style == style).map(|overload| overload.name).chain(variadic)
}

/// What an overload takes, without the target of a method, for an error.
pub(super) fn signature(overload: &Overload) -> String {
    let takes = match overload.style {
        Global => overload.takes,
        Method => overload.takes.get(1..).unwrap_or_default(),
    };
    let takes: Vec<&str> = takes.iter().map(|kind| kind.name()).collect();
    match (overload.style, overload.takes.first()) {
        (Method, Some(target)) => format!("{target}.{}({})", overload.name, takes.join(", ")),
        _ => format!("{}({})", overload.name, takes.join(", ")),
    }
}
