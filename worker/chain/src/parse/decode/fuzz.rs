//! Entry points for fuzz targets: any bytes through every decoder, and any text as a pattern.
//!
//! Neither may panic, hang or allocate out of proportion, whatever the input. What a decoder accepts must lie
//! in the line or be of a size with it; that is asserted here.

use std::sync::OnceLock;

use bumpalo::Bump;
use logloom_crds::manifest::{
    Combined, CombinedFormat, Csv, DecodeStep, Dissect, Empty, Grok, KeyValue, ProtoSource, ProtobufDecoder,
    RegexDecoder,
};

use super::Chain;
use crate::parse::fields::{SlotTable, Slots};

/// Names that some decoder of [`steps`] gives, so that each has something to extract.
const NAMES: [&str; 26] = [
    "a",
    "b.c",
    "d[1].e",
    "level",
    "message",
    "log",
    "time",
    "stream",
    "partial",
    "timestamp",
    "hostname",
    "appname",
    "procid",
    "sd.x.y",
    "sd",
    "client",
    "request",
    "path",
    "status",
    "agent",
    "extra",
    "verb",
    "clientip",
    "tags[0]",
    "labels.k",
    "http.status",
];

const SCHEMA: &str = r#"syntax = "proto3";
message Http { int32 status = 1; Http parent = 2; }
message App { string a = 1; Http http = 2; repeated string tags = 3; map<string, Http> labels = 4; repeated sint32 level = 5; }"#;

/// Runs the decoder that the first byte chooses over the rest.
pub fn decode_any(data: &[u8]) {
    static CHAINS: OnceLock<Vec<(Chain, usize)>> = OnceLock::new();
    let chains = CHAINS.get_or_init(|| steps().iter().filter_map(|steps| compile(steps)).collect());
    let Some((choice, line)) = data.split_first() else {
        return;
    };
    if let Some((chain, slots)) = chains.get(usize::from(*choice) % chains.len().max(1)) {
        run(chain, *slots, line);
    }
}

/// Takes the text up to the first newline as a pattern (of the decoder that the first byte chooses) and
/// runs it over the rest.
pub fn compile_any(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let (pattern, line) = (String::from_utf8_lossy(&rest[..end]), rest.get(end + 1..).unwrap_or_default());
    let pattern = || pattern.as_ref().into();
    let step = match choice % 3 {
        0 => DecodeStep { regex: Some(RegexDecoder { pattern: pattern() }), ..DecodeStep::default() },
        1 => DecodeStep {
            grok: Some(Grok { pattern: pattern(), definitions: Default::default() }),
            ..DecodeStep::default()
        },
        _ => DecodeStep { dissect: Some(Dissect { pattern: pattern() }), ..DecodeStep::default() },
    };
    if let Some((chain, slots)) = compile(&[step]) {
        run(&chain, slots, line);
    }
}

fn compile(steps: &[DecodeStep]) -> Option<(Chain, usize)> {
    let mut table = SlotTable::new();
    for name in NAMES {
        table.want(name);
    }
    let chain = Chain::compile(steps, None, &mut table).ok()?;
    Some((chain, table.len()))
}

fn run(chain: &Chain, count: usize, line: &[u8]) {
    let (arena, mut scratch) = (Bump::new(), chain.scratch());
    let line = &*arena.alloc_slice_copy(line);
    let mut slots = Slots::new(&arena, count);
    match chain.decode(line, &mut scratch, &mut slots) {
        Ok(_) => {
            // JSON text made of a Protobuf message may be longer, by its keys and escapes.
            let bound = 64 * line.len() + 64;
            assert!(slots.values().iter().all(|value| value.as_bytes().is_none_or(|text| text.len() <= bound)));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            slots.clear();
            let _ = chain.decode_envelope(line, &mut scratch, &mut slots);
            let _ = chain.decode_rest(line, &mut scratch, &mut slots);
        }
    }
}

/// One chain per decoder, and nested ones.
fn steps() -> Vec<Vec<DecodeStep>> {
    let step = DecodeStep::default;
    let empty = || Some(Empty {});
    let pattern = |text: &str| Some(RegexDecoder { pattern: text.into() });
    let grok = |text: &str| Some(Grok { pattern: text.into(), definitions: Default::default() });
    let csv = |columns: &[&str], header| {
        Some(Csv {
            columns: columns.iter().map(|column| (*column).into()).collect(),
            delimiter: ",".into(),
            quote: "\"".into(),
            header,
        })
    };
    let combined = |format| Some(Combined { format });
    let schema = || Some(ProtoSource { proto: Some(SCHEMA.into()), file: None });
    vec![
        vec![DecodeStep { json: empty(), ..step() }],
        vec![DecodeStep { logfmt: empty(), ..step() }],
        vec![DecodeStep { key_value: Some(KeyValue::default()), ..step() }],
        vec![DecodeStep { cri: empty(), ..step() }, DecodeStep { json: empty(), optional: true, ..step() }],
        vec![DecodeStep { docker: empty(), ..step() }, DecodeStep { logfmt: empty(), ..step() }],
        vec![DecodeStep { syslog3164: empty(), ..step() }],
        vec![DecodeStep { syslog5424: empty(), ..step() }],
        vec![DecodeStep { syslog: empty(), ..step() }],
        vec![DecodeStep { combined: combined(CombinedFormat::Apache), ..step() }],
        vec![DecodeStep { combined: combined(CombinedFormat::Common), ..step() }],
        vec![DecodeStep { regex: pattern(r"(?<level>\w+) (?<message>.*)"), ..step() }],
        vec![DecodeStep { grok: grok("%{COMBINEDAPACHELOG}"), ..step() }],
        vec![DecodeStep { dissect: Some(Dissect { pattern: "%{time->} [%{level}] %{+message}".into() }), ..step() }],
        vec![DecodeStep { csv: csv(&["a", "level", "message"], true), ..step() }],
        vec![DecodeStep {
            protobuf: Some(ProtobufDecoder { schema: schema(), message: Some("App".into()) }),
            ..step()
        }],
        vec![
            DecodeStep { csv: csv(&["a", "inner"], true), ..step() },
            DecodeStep { docker: empty(), from: Some("inner".into()), ..step() },
            DecodeStep { json: empty(), optional: true, ..step() },
        ],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_chain_compiles() {
        assert!(steps().iter().all(|steps| compile(steps).is_some()));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, text in "[ -~\n]{0,40}") {
            decode_any(&data);
            compile_any(&data);
            for choice in 0..20 {
                decode_any(&[&[choice], data.as_slice()].concat());
                compile_any(&[&[choice], text.as_bytes()].concat());
            }
        }
    }
}
