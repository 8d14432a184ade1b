//! Closures that give text or bytes. A text that stands in the row or in the expression is lent, not
//! copied; only what is computed is built.

use super::super::error::Fault;
use super::super::functions::Function;
use super::super::typed::{Arithmetic, Constant, Op, Typed};
use super::super::value::Text;
use super::super::{MAX_COMPUTED_TEXT, Type, number, time};
use super::{Emitter, Run, Texts};
use crate::row::{Cell, Row};
use smallvec::SmallVec;
use std::fmt::{self, Write};

type Lend = Box<dyn for<'r> Fn(&'r Row<'r>, &'r Texts) -> Result<&'r [u8], Fault> + Send + Sync>;
type Append = Box<dyn for<'r> Fn(&'r Row<'r>, &'r Texts, &mut Scratch) -> Result<(), Fault> + Send + Sync>;

/// A text operand.
pub(in super::super) enum TextCode {
    /// A place in [`Texts`].
    Constant(usize),
    Column(usize),
    /// Gives a text that stands somewhere.
    Lend(Lend),
    /// Appends a computed text to a scratch, which stays where it is: moving a small vector costs
    /// more than filling it.
    Append(Append),
}

#[inline(always)]
fn read<'r>(row: &'r Row<'r>, index: usize) -> Result<&'r [u8], Fault> {
    match row.get(index) {
        Some(Cell::Bytes(bytes)) => Ok(bytes),
        None | Some(Cell::Null) => Err(Fault::NoSuchField),
        Some(_) => Err(Fault::NoSuchOverload),
    }
}

impl TextCode {
    pub fn run<'r>(&self, row: &'r Row<'r>, texts: &'r Texts) -> Result<Text<'r>, Fault> {
        match self {
            Self::Constant(index) => Ok(Text::Borrowed(texts.get(*index))),
            Self::Column(index) => read(row, *index).map(Text::Borrowed),
            Self::Lend(lend) => lend(row, texts).map(Text::Borrowed),
            Self::Append(append) => {
                let mut scratch = Scratch::default();
                append(row, texts, &mut scratch)?;
                Ok(Text::Computed(scratch.bytes))
            }
        }
    }

    /// The text where it stands, or in an empty scratch.
    #[inline]
    fn read_with<'s, 'r: 's>(
        &self,
        row: &'r Row<'r>,
        texts: &'r Texts,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [u8], Fault> {
        match self {
            Self::Constant(index) => Ok(texts.get(*index)),
            Self::Column(index) => read(row, *index),
            Self::Lend(lend) => lend(row, texts),
            Self::Append(append) => {
                append(row, texts, scratch)?;
                Ok(&scratch.bytes)
            }
        }
    }

    fn append_to<'r>(&self, row: &'r Row<'r>, texts: &'r Texts, scratch: &mut Scratch) -> Result<(), Fault> {
        match self {
            Self::Constant(index) => scratch.push(texts.get(*index)),
            Self::Column(index) => scratch.push(read(row, *index)?),
            Self::Lend(lend) => scratch.push(lend(row, texts)?),
            Self::Append(append) => append(row, texts, scratch),
        }
    }

    /// A closure over the text.
    pub(super) fn over<T: 'static>(self, f: impl Fn(&[u8]) -> Result<T, Fault> + Send + Sync + 'static) -> Run<T> {
        match self {
            Self::Column(index) => Box::new(move |row, _| f(read(row, index)?)),
            other => Box::new(move |row, texts| f(other.read_with(row, texts, &mut Scratch::default())?)),
        }
    }

    /// A closure over two texts.
    pub(super) fn over_two<T: 'static>(
        self,
        right: Self,
        f: impl Fn(&[u8], &[u8]) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> Run<T> {
        match (self, right) {
            (Self::Column(left), Self::Constant(right)) => {
                Box::new(move |row, texts| f(read(row, left)?, texts.get(right)))
            }
            (Self::Column(left), Self::Column(right)) => Box::new(move |row, _| f(read(row, left)?, read(row, right)?)),
            (left, right) => Box::new(move |row, texts| {
                let (mut for_left, mut for_right) = (Scratch::default(), Scratch::default());
                f(left.read_with(row, texts, &mut for_left)?, right.read_with(row, texts, &mut for_right)?)
            }),
        }
    }

    /// Only for what can be lent; the callers have taken [`Self::Append`] out.
    fn lend(self) -> Lend {
        match self {
            Self::Constant(index) => Box::new(move |_, texts| Ok(texts.get(index))),
            Self::Column(index) => Box::new(move |row, _| read(row, index)),
            Self::Lend(lend) => lend,
            Self::Append(_) => Box::new(|_, _| Err(Fault::NoSuchOverload)),
        }
    }

    fn impossible() -> Self {
        Self::Lend(Box::new(|_, _| Err(Fault::NoSuchOverload)))
    }

    fn append(
        f: impl for<'r> Fn(&'r Row<'r>, &'r Texts, &mut Scratch) -> Result<(), Fault> + Send + Sync + 'static,
    ) -> Self {
        Self::Append(Box::new(f))
    }
}

/// A text that is being computed, within [`MAX_COMPUTED_TEXT`].
#[derive(Default)]
pub(in super::super) struct Scratch {
    bytes: SmallVec<[u8; 48]>,
}

impl Scratch {
    #[inline]
    fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.bytes.len() + bytes.len() > MAX_COMPUTED_TEXT {
            return Err(Fault::TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// What was appended from `start` on.
    fn since(&mut self, start: usize) -> &mut [u8] {
        self.bytes.get_mut(start..).unwrap_or_default()
    }
}

/// For numbers and times, which are short. The result says that there was room, or that the value
/// cannot be written.
impl Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl Emitter {
    pub(super) fn text(&mut self, typed: Typed) -> TextCode {
        match typed.op {
            Op::Constant(Constant::Text(text)) => TextCode::Constant(self.texts.add(&text)),
            Op::Column(index) => TextCode::Column(index.into()),
            Op::Choose(parts) => self.text_choice(*parts),
            Op::Arithmetic(Arithmetic::Add, left, right) => {
                let (left, right) = (self.text(*left), self.text(*right));
                TextCode::append(move |row, texts, scratch| {
                    left.append_to(row, texts, scratch)?;
                    right.append_to(row, texts, scratch)
                })
            }
            Op::Call(function, arguments) => self.text_call(function, arguments),
            _ => TextCode::impossible(),
        }
    }

    fn text_choice(&mut self, parts: [Typed; 3]) -> TextCode {
        let [condition, yes, no] = parts;
        let condition = self.bool(condition).run();
        match (self.text(yes), self.text(no)) {
            (yes @ TextCode::Append(_), no) | (yes, no @ TextCode::Append(_)) => {
                TextCode::append(move |row, texts, scratch| {
                    let chosen = if condition(row, texts)? { &yes } else { &no };
                    chosen.append_to(row, texts, scratch)
                })
            }
            (yes, no) => {
                let (yes, no) = (yes.lend(), no.lend());
                TextCode::Lend(Box::new(
                    move |row, texts| {
                        if condition(row, texts)? { yes(row, texts) } else { no(row, texts) }
                    },
                ))
            }
        }
    }

    fn text_call(&mut self, function: Function, mut arguments: Vec<Typed>) -> TextCode {
        let Some(argument) = arguments.pop() else {
            return TextCode::impossible();
        };
        match (function, argument.kind) {
            (Function::LowerAscii, _) => self.mapped(argument, <[u8]>::make_ascii_lowercase),
            (Function::UpperAscii, _) => self.mapped(argument, <[u8]>::make_ascii_uppercase),
            (Function::ToBytes, _) | (Function::ToString, Type::String) => self.text(argument),
            (Function::ToString, Type::Bytes) => {
                let bytes = self.text(argument);
                TextCode::append(move |row, texts, scratch| {
                    let start = scratch.bytes.len();
                    bytes.append_to(row, texts, scratch)?;
                    std::str::from_utf8(scratch.since(start)).map_err(|_| Fault::Conversion)?;
                    Ok(())
                })
            }
            (Function::ToString, Type::Enum) => self.enum_name(argument),
            (Function::ToString, Type::Bool) => {
                let bool = self.bool(argument).run();
                let (yes, no) = (self.texts.add(b"true"), self.texts.add(b"false"));
                TextCode::Lend(Box::new(move |row, texts| Ok(texts.get(if bool(row, texts)? { yes } else { no }))))
            }
            (Function::ToString, Type::Int) => written(self.int(argument).run(), |out, value| write!(out, "{value}")),
            (Function::ToString, Type::Uint) => written(self.uint(argument).run(), |out, value| write!(out, "{value}")),
            (Function::ToString, Type::Float) => written(self.float(argument).run(), number::write_double),
            (Function::ToString, Type::Duration) => written(self.int(argument).run(), time::write_duration),
            (Function::ToString, Type::Timestamp) => written(self.int(argument).run(), time::write_timestamp),
            _ => TextCode::impossible(),
        }
    }

    fn mapped(&mut self, argument: Typed, map: fn(&mut [u8])) -> TextCode {
        let text = self.text(argument);
        TextCode::append(move |row, texts, scratch| {
            let start = scratch.bytes.len();
            text.append_to(row, texts, scratch)?;
            map(scratch.since(start));
            Ok(())
        })
    }

    /// The name of an enum value; a number without a name is written as it is.
    fn enum_name(&mut self, argument: Typed) -> TextCode {
        let names: Vec<(i64, Box<[u8]>)> = argument
            .names
            .iter()
            .flat_map(|names| names.names().filter_map(|name| Some((names.number(name)?, name.as_bytes().into()))))
            .collect();
        let number = self.int(argument).run();
        TextCode::append(move |row, texts, scratch| {
            let number = number(row, texts)?;
            match names.iter().find(|(known, _)| *known == number) {
                Some((_, name)) => scratch.push(name),
                None => write!(scratch, "{number}").map_err(|_| Fault::TooLong),
            }
        })
    }
}

/// The text of a scalar.
fn written<T: 'static>(run: Run<T>, write: fn(&mut Scratch, T) -> fmt::Result) -> TextCode {
    TextCode::append(move |row, texts, scratch| write(scratch, run(row, texts)?).map_err(|_| Fault::Overflow))
}
