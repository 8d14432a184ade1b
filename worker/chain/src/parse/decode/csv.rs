//! `csv`: one record on one line, quotes as RFC 4180 has them.
//!
//! A line without quotes is cut at its delimiters. A quoted column may hold delimiters and doubled quotes; it is
//! copied only when it holds the latter. The number of columns must be the manifest's. Every value is text; an
//! empty column is empty text. A line end of DOS (`\r`) is not part of the last column.

use super::error::{Fault, FaultKind, Problem};
use super::names::{Gives, Wanted};
use crate::parse::fields::{Extracted, Slot, Slots};

/// A compiled `csv` step.
#[derive(Debug, Clone)]
pub(super) struct CsvDecoder {
    columns: Vec<Option<Slot>>,
    delimiter: u8,
    quote: u8,
    /// The names of the columns, when a header is to be recognised.
    header: Option<Vec<Box<[u8]>>>,
}

impl CsvDecoder {
    /// A decoder of these columns for the wanted names.
    pub fn compile(
        columns: &[&str],
        delimiter: &str,
        quote: &str,
        header: bool,
        wanted: &Wanted<'_>,
    ) -> Result<Self, Problem> {
        let delimiter = one_byte("csv.delimiter", delimiter)?;
        let quote = one_byte("csv.quote", quote)?;
        if delimiter == quote {
            return Err(Problem::new(
                "csv.quote",
                "quote and delimiter are the same",
                "Give them different characters",
            ));
        }
        if columns.is_empty() {
            return Err(Problem::new("csv.columns", "there are no columns", "Name the columns from left to right"));
        }
        let repeated = columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name));
        if let Some((_, name)) = repeated {
            return Err(Problem::new(
                "csv.columns",
                format!("two columns are named `{name}`"),
                "Give each column a name of its own",
            ));
        }
        Ok(Self {
            columns: columns.iter().map(|name| wanted.slot(name)).collect(),
            delimiter,
            quote,
            header: header.then(|| columns.iter().map(|name| name.as_bytes().into()).collect()),
        })
    }

    /// What a line gives.
    pub fn gives(columns: &[&str]) -> Gives {
        Gives::names(columns.iter().copied())
    }

    /// Fills the slots from one record.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        let input = input.strip_suffix(b"\r").unwrap_or(input);
        if input.is_empty() && self.columns.len() > 1 {
            return Err(Fault::new(0, FaultKind::Empty));
        }
        let mut count = 0;
        let mut place = |column: Column<'a>, slots: &mut Slots<'a>| {
            if let Some(Some(slot)) = self.columns.get(count) {
                slots.set(*slot, Extracted::Text(column.text(self.quote, slots)));
            }
            count += 1;
        };
        if memchr::memchr(self.quote, input).is_none() {
            let mut start = 0;
            for end in memchr::memchr_iter(self.delimiter, input) {
                place(Column::plain(&input[start..end]), slots);
                start = end + 1;
            }
            place(Column::plain(&input[start..]), slots);
        } else {
            let mut at = Some(0);
            while let Some(start) = at {
                let (column, next) = self.column(input, start)?;
                place(column, slots);
                at = next;
            }
        }
        if count != self.columns.len() {
            let kind = FaultKind::ColumnCount { expected: self.columns.len(), found: count };
            return Err(Fault::new(input.len(), kind));
        }
        Ok(())
    }

    /// True when the line is the header: its columns are the manifest's names.
    pub fn is_header(&self, input: &[u8]) -> bool {
        let Some(names) = &self.header else {
            return false;
        };
        // Nearly every line fails at its first byte.
        let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        let input = input.strip_suffix(b"\r").unwrap_or(input);
        let mut at = Some(0);
        for name in names {
            let Some(Ok((column, next))) = at.map(|at| self.column(input, at)) else {
                return false;
            };
            if column.doubled || *column.raw != **name {
                return false;
            }
            at = next;
        }
        at.is_none()
    }

    /// The column at `start`, and where the next one begins.
    #[inline]
    fn column<'a>(&self, input: &'a [u8], start: usize) -> Result<(Column<'a>, Option<usize>), Fault> {
        let rest = input.get(start..).unwrap_or_default();
        if rest.first() != Some(&self.quote) {
            let end = memchr::memchr(self.delimiter, rest);
            let raw = end.map_or(rest, |end| &rest[..end]);
            return Ok((Column::plain(raw), end.map(|end| start + end + 1)));
        }
        let mut doubled = false;
        let mut at = 1;
        loop {
            let Some(found) = memchr::memchr(self.quote, &rest[at..]) else {
                return Err(Fault::expected(input, input.len(), "a quoted column"));
            };
            at += found + 1;
            match rest.get(at) {
                Some(next) if *next == self.quote => {
                    doubled = true;
                    at += 1;
                }
                Some(next) if *next != self.delimiter => {
                    return Err(Fault::expected(input, start + at, "a delimiter behind the quoted column"));
                }
                next => {
                    let column = Column { raw: &rest[1..at - 1], doubled };
                    return Ok((column, next.map(|_| start + at + 1)));
                }
            }
        }
    }
}

/// A column as it stands.
#[derive(Debug, Clone, Copy)]
struct Column<'a> {
    raw: &'a [u8],
    /// Whether it holds doubled quotes.
    doubled: bool,
}

impl<'a> Column<'a> {
    #[inline]
    fn plain(raw: &'a [u8]) -> Self {
        Self { raw, doubled: false }
    }

    #[inline]
    fn text(self, quote: u8, slots: &Slots<'a>) -> &'a [u8] {
        if !self.doubled {
            return self.raw;
        }
        let mut text = bumpalo::collections::Vec::with_capacity_in(self.raw.len(), slots.arena());
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(quote, rest) {
            text.extend_from_slice_copy(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        text.extend_from_slice_copy(rest);
        text.into_bump_slice()
    }
}

/// The byte of a separator; `\t` may be written out.
fn one_byte(field: &'static str, text: &str) -> Result<u8, Problem> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        b"\\t" => Ok(b'\t'),
        _ => Err(Problem::new(
            field,
            format!("`{text}` is not one ASCII character"),
            "Use a single character such as `,`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::testing;
    use crate::parse::fields::SlotTable;
    use proptest::prelude::*;

    fn extract(columns: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let compile = |wanted: &Wanted<'_>| CsvDecoder::compile(columns, ",", "\"", false, wanted).unwrap();
        testing::extract(columns, text.as_ref(), compile, CsvDecoder::decode)
    }

    #[test]
    fn columns_with_and_without_quotes() {
        assert_eq!(extract(&["a", "b", "c"], "1,,three\r").unwrap(), ["'1'", "''", "'three'"]);
        assert_eq!(extract(&["a", "b", "c"], r#""x,y",2,"say ""hi""""#).unwrap(), ["'x,y'", "'2'", r#"'say \"hi\"'"#]);
        assert_eq!(
            extract(&["a", "b"], r#"a"b,"x"#).unwrap_err().kind,
            FaultKind::Truncated { inside: "a quoted column" }
        );
        assert_eq!(extract(&["a", "b"], r#"a"b,"""""#).unwrap(), [r#"'a\"b'"#, r#"'\"'"#]);
        assert_eq!(extract(&["a"], "").unwrap(), ["''"]);
    }

    #[test]
    fn another_number_of_columns_is_an_error_with_both_numbers() {
        for line in ["1,2", "1,\"2\""] {
            assert_eq!(
                extract(&["a", "b", "c"], line).unwrap_err().kind,
                FaultKind::ColumnCount { expected: 3, found: 2 }
            );
        }
        for line in ["1,2,3,4", "\"1\",2,3,"] {
            assert_eq!(
                extract(&["a", "b", "c"], line).unwrap_err().kind,
                FaultKind::ColumnCount { expected: 3, found: 4 }
            );
        }
        assert_eq!(extract(&["a", "b"], "").unwrap_err().kind, FaultKind::Empty);
    }

    #[test]
    fn text_behind_a_quoted_column_is_an_error() {
        let fault = extract(&["a", "b"], r#""x"y,1"#).unwrap_err();
        assert_eq!(fault.at, 3);
        assert_eq!(fault.kind, FaultKind::Unexpected { expected: "a delimiter behind the quoted column", found: b'y' });
    }

    #[test]
    fn a_header_is_recognised_only_when_asked_for() {
        let table = SlotTable::new();
        let compile = |header| CsvDecoder::compile(&["a", "b"], ",", "\"", header, &Wanted::new(&table, "")).unwrap();
        for line in ["a,b", "\"a\",b\r", "\u{feff}a,b"] {
            assert!(compile(true).is_header(line.as_bytes()), "{line}");
        }
        for line in ["a,c", "a,b,c", "a", "\"a,b"] {
            assert!(!compile(true).is_header(line.as_bytes()), "{line}");
        }
        assert!(!compile(false).is_header(b"a,b"));
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let table = SlotTable::new();
        let problem = |columns: &[&str], delimiter, quote| {
            CsvDecoder::compile(columns, delimiter, quote, false, &Wanted::new(&table, "")).unwrap_err().field
        };
        assert_eq!(problem(&["a"], "||", "\""), "csv.delimiter");
        assert_eq!(problem(&["a"], ",", ","), "csv.quote");
        assert_eq!(problem(&["a", "b", "a"], ",", "\""), "csv.columns");
        assert_eq!(problem(&[], ",", "\""), "csv.columns");
        assert!(CsvDecoder::compile(&["a"], "\\t", "'", false, &Wanted::new(&table, "")).is_ok());
    }

    proptest! {
        #[test]
        fn reads_what_csv_core_reads(columns in prop::collection::vec("[a,\"b ]{0,6}", 2..5)) {
            let names = &["a", "b", "c", "d"][..columns.len()];
            let mut line = [0; 200];
            let mut writer = csv_core::Writer::new();
            let mut written = 0;
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    written += writer.delimiter(&mut line[written..]).1;
                }
                written += writer.field(column.as_bytes(), &mut line[written..]).2;
            }
            written += writer.finish(&mut line[written..]).1;
            let found = extract(names, &line[..written]).unwrap();
            let expected: Vec<String> = columns.iter().map(|column| format!("'{}'", column.as_bytes().escape_ascii())).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "[a,\"\r]{0,20}") {
            let _ = extract(&["a", "b"], bytes);
            let _ = extract(&["a", "b"], text);
        }
    }
}
