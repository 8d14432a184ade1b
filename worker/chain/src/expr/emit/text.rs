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
type Make = Box<dyn for<'r> Fn(&'r Row<'r>, &'r Texts) -> Result<Text<'r>, Fault> + Send + Sync>;

/// A text operand.
pub(in super::super) enum TextCode {
    /// A place in [`Texts`].
    Constant(usize),
    Column(usize),
    Lend(Lend),
    Make(Make),
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
            Self::Make(make) => make(row, texts),
        }
    }

    /// A closure over the text.
    pub(super) fn over<T: 'static>(self, f: impl Fn(&[u8]) -> Result<T, Fault> + Send + Sync + 'static) -> Run<T> {
        match self {
            Self::Column(index) => Box::new(move |row, _| f(read(row, index)?)),
            Self::Make(make) => Box::new(move |row, texts| f(&make(row, texts)?)),
            other => {
                let lend = other.lend();
                Box::new(move |row, texts| f(lend(row, texts)?))
            }
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
            (left, right) => Box::new(move |row, texts| f(&left.run(row, texts)?, &right.run(row, texts)?)),
        }
    }

    /// Only for what can be lent; the callers have taken [`Self::Make`] out.
    fn lend(self) -> Lend {
        match self {
            Self::Constant(index) => Box::new(move |_, texts| Ok(texts.get(index))),
            Self::Column(index) => Box::new(move |row, _| read(row, index)),
            Self::Lend(lend) => lend,
            Self::Make(_) => Box::new(|_, _| Err(Fault::NoSuchOverload)),
        }
    }

    fn impossible() -> Self {
        Self::Lend(Box::new(|_, _| Err(Fault::NoSuchOverload)))
    }

    fn make(f: impl for<'r> Fn(&'r Row<'r>, &'r Texts) -> Result<Builder, Fault> + Send + Sync + 'static) -> Self {
        Self::Make(Box::new(move |row, texts| f(row, texts)?.done()))
    }
}

/// A text that is being computed, within [`MAX_COMPUTED_TEXT`].
#[derive(Default)]
struct Builder {
    bytes: SmallVec<[u8; 48]>,
    overfull: bool,
}

impl Builder {
    fn push(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > MAX_COMPUTED_TEXT {
            self.overfull = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn of(bytes: &[u8]) -> Self {
        let mut builder = Self::default();
        builder.push(bytes);
        builder
    }

    fn done<'r>(self) -> Result<Text<'r>, Fault> {
        if self.overfull { Err(Fault::TooLong) } else { Ok(Text::Computed(self.bytes)) }
    }
}

impl Write for Builder {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
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
                TextCode::make(move |row, texts| {
                    let mut both = Builder::of(&left.run(row, texts)?);
                    both.push(&right.run(row, texts)?);
                    Ok(both)
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
            (yes @ TextCode::Make(_), no) | (yes, no @ TextCode::Make(_)) => TextCode::Make(Box::new(
                move |row, texts| {
                    if condition(row, texts)? { yes.run(row, texts) } else { no.run(row, texts) }
                },
            )),
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
            (Function::LowerAscii, _) => self.mapped(argument, u8::to_ascii_lowercase),
            (Function::UpperAscii, _) => self.mapped(argument, u8::to_ascii_uppercase),
            (Function::ToBytes, _) | (Function::ToString, Type::String) => self.text(argument),
            (Function::ToString, Type::Bytes) => {
                let bytes = self.text(argument);
                TextCode::Make(Box::new(move |row, texts| {
                    let text = bytes.run(row, texts)?;
                    std::str::from_utf8(&text).map_err(|_| Fault::Conversion)?;
                    Ok(text)
                }))
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

    fn mapped(&mut self, argument: Typed, map: fn(&u8) -> u8) -> TextCode {
        let text = self.text(argument);
        TextCode::make(move |row, texts| {
            let text = text.run(row, texts)?;
            let mut builder = Builder::default();
            // A text that is too long is not copied before it is refused.
            if text.len() > MAX_COMPUTED_TEXT {
                builder.overfull = true;
            } else {
                builder.bytes.extend(text.iter().map(map));
            }
            Ok(builder)
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
        TextCode::make(move |row, texts| {
            let number = number(row, texts)?;
            let mut builder = Builder::default();
            match names.iter().find(|(known, _)| *known == number) {
                Some((_, name)) => builder.push(name),
                None => write!(builder, "{number}").map_err(|_| Fault::Conversion)?,
            }
            Ok(builder)
        })
    }
}

/// The text of a scalar.
fn written<T: 'static>(run: Run<T>, write: fn(&mut Builder, T) -> fmt::Result) -> TextCode {
    TextCode::make(move |row, texts| {
        let mut builder = Builder::default();
        write(&mut builder, run(row, texts)?).map_err(|_| Fault::Overflow)?;
        Ok(builder)
    })
}
