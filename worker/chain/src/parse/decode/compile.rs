//! From the `decode` list of a manifest to a [`Chain`], or to everything that is wrong with it.

use logloom_crds::manifest::{CombinedFormat, DecodeStep, Decoder as Wish, ProtobufDecoder as ProtobufOptions};
use prost_reflect::MessageDescriptor;

use super::combined::CombinedDecoder;
use super::cri::CriDecoder;
use super::csv::CsvDecoder;
use super::dissect::DissectDecoder;
use super::docker::DockerDecoder;
use super::error::{ChainError, DecoderName, Problem};
use super::grok::compile_grok;
use super::json::JsonDecoder;
use super::key_value::KeyValueDecoder;
use super::logfmt::LogfmtDecoder;
use super::names::{Gives, Wanted};
use super::protobuf::ProtobufDecoder;
use super::regex::compile_regex;
use super::syslog::{SyslogDecoder, SyslogForm};
use super::{Chain, Decoder, Envelope, Reads, Step};
use crate::parse::fields::SlotTable;

/// Most steps of a chain (the API bounds the list likewise).
const MAX_STEPS: usize = 16;

impl Chain {
    /// Compiles the steps of a manifest. `own_message` is the message of the manifest, which a `protobuf` step without a
    /// schema of its own reads. `wanted` holds the names that the manifest maps to columns; the names that steps
    /// read from each other are added. Slots are to be made after this ([`SlotTable::len`]).
    ///
    /// # Errors
    /// Every finding of every step.
    pub fn compile(
        steps: &[DecodeStep],
        own_message: Option<&MessageDescriptor>,
        wanted: &mut SlotTable,
    ) -> Result<Self, Vec<ChainError>> {
        let mut errors = Vec::new();
        let mut report = |step: usize, problem: Problem| {
            let Problem { field, message, remedy } = problem;
            errors.push(ChainError { step, field: field.to_owned(), message, remedy });
        };
        if steps.is_empty() || steps.len() > MAX_STEPS {
            let message = format!("a chain has 1 to {MAX_STEPS} steps, this one has {}", steps.len());
            report(0, Problem::new("", message, "Give each manifest at least one decode step"));
        }
        let froms: Vec<Option<Reads>> = (0..steps.len())
            .map(|index| {
                input_of(steps, index, wanted).unwrap_or_else(|problem| {
                    report(index, problem);
                    None
                })
            })
            .collect();
        let envelope = envelope_of(steps, wanted).unwrap_or_else(|(index, problem)| {
            report(index, problem);
            None
        });
        let mut compiled: Vec<Step> = Vec::new();
        for (index, (step, from)) in steps.iter().zip(froms).enumerate() {
            if let Some(problem) = from.as_ref().and_then(|from| not_given(&compiled, from)) {
                report(index, problem);
            }
            match compile_step(step, from, own_message, wanted) {
                Ok(step) => compiled.push(step),
                Err(problem) => {
                    report(index, problem);
                    // So that one wrong step does not make the names of the later ones look wrong too.
                    compiled.push(unknown_step(step));
                }
            }
        }
        if errors.is_empty() { Ok(Self { steps: compiled, envelope }) } else { Err(errors) }
    }
}

/// What the step at `index` reads: `from`, the line, or the payload of the step before.
fn input_of(steps: &[DecodeStep], index: usize, wanted: &mut SlotTable) -> Result<Option<Reads>, Problem> {
    let mut from = |name: String| Some(Reads { slot: wanted.want(&name), name: name.into() });
    if let Some(name) = &steps[index].from {
        return Ok(from(name.to_string()));
    }
    let Some(before) = index.checked_sub(1).and_then(|before| steps.get(before)) else {
        return Ok(None);
    };
    let payload = before.decoder().and_then(payload_name);
    match payload {
        Some(name) => Ok(from(format!("{}{name}", prefix(before)))),
        None => Err(Problem::new(
            "from",
            "the step before has no payload of its own to go on with",
            "Name the extracted value that this step reads, such as `from: message`",
        )),
    }
}

/// The value that the next step reads by default.
fn payload_name(decoder: Wish<'_>) -> Option<&'static str> {
    match decoder {
        Wish::Docker => Some("log"),
        Wish::Cri | Wish::Syslog | Wish::Syslog3164 | Wish::Syslog5424 => Some("message"),
        _ => None,
    }
}

fn prefix(step: &DecodeStep) -> &str {
    step.prefix.as_deref().unwrap_or_default()
}

/// The step whose lines may be pieces.
fn envelope_of(steps: &[DecodeStep], wanted: &mut SlotTable) -> Result<Option<Envelope>, (usize, Problem)> {
    let is_envelope = |step: &DecodeStep| matches!(step.decoder(), Some(Wish::Cri | Wish::Docker));
    let mut envelopes = steps.iter().enumerate().filter(|(_, step)| is_envelope(step));
    let Some((index, step)) = envelopes.next() else {
        return Ok(None);
    };
    if let Some((second, _)) = envelopes.next() {
        return Err((
            second,
            Problem::new(
                "",
                "a second container envelope: pieces inside pieces cannot be joined",
                "Decode the inner envelope with `json` or `regex`, which take every line as whole",
            ),
        ));
    }
    let payload = step.decoder().and_then(payload_name).unwrap_or_default();
    let mut want = |name: &str| wanted.want(&format!("{}{name}", prefix(step)));
    Ok(Some(Envelope {
        step: u16::try_from(index).unwrap_or(u16::MAX),
        partial: want("partial"),
        payload: want(payload),
        stream: want("stream"),
    }))
}

/// A problem when no step so far gives the name.
fn not_given(before: &[Step], from: &Reads) -> Option<Problem> {
    if before.iter().any(|step| step.may_give(&from.name)) {
        return None;
    }
    let names: Vec<String> = before.iter().flat_map(Step::names).collect();
    let remedy = if names.is_empty() {
        "Leave `from` out to read the line".to_owned()
    } else {
        format!("Use one of: {}", names.join(", "))
    };
    Some(Problem::new("from", format!("no earlier step extracts `{}`", from.name), remedy))
}

/// Stands for a step that does not compile, while the others are looked at.
fn unknown_step(step: &DecodeStep) -> Step {
    Step {
        decoder: Decoder::Json(JsonDecoder::compile(&Wanted::new(&SlotTable::new(), ""))),
        name: DecoderName::Json,
        from: None,
        optional: step.optional,
        prefix: String::new(),
        gives: Gives::Anything,
    }
}

fn compile_step(
    step: &DecodeStep,
    from: Option<Reads>,
    own_message: Option<&MessageDescriptor>,
    table: &SlotTable,
) -> Result<Step, Problem> {
    let wish = step.decoder().ok_or_else(|| {
        let remedy = format!("Name one of: {}", DecodeStep::DECODERS.join(", "));
        Problem::new("", "the step names no decoder", remedy)
    })?;
    let wanted = Wanted::new(table, prefix(step));
    let (name, decoder, gives) = compile_decoder(wish, own_message, &wanted)?;
    Ok(Step { decoder, name, from, optional: step.optional, prefix: prefix(step).to_owned(), gives })
}

fn compile_decoder(
    wish: Wish<'_>,
    own_message: Option<&MessageDescriptor>,
    wanted: &Wanted<'_>,
) -> Result<(DecoderName, Decoder, Gives), Problem> {
    let syslog = |name, form| {
        let decoder = Decoder::Syslog(SyslogDecoder::compile(form, wanted));
        (name, decoder, SyslogDecoder::gives(form))
    };
    Ok(match wish {
        Wish::Json => (DecoderName::Json, Decoder::Json(JsonDecoder::compile(wanted)), Gives::Anything),
        Wish::Logfmt => (DecoderName::Logfmt, Decoder::Logfmt(LogfmtDecoder::compile(wanted)), Gives::Anything),
        Wish::KeyValue(options) => {
            let decoder =
                KeyValueDecoder::compile(&options.field_separator, &options.pair_separator, &options.quote, wanted)?;
            (DecoderName::KeyValue, Decoder::KeyValue(decoder), Gives::Anything)
        }
        Wish::Cri => (DecoderName::Cri, Decoder::Cri(CriDecoder::compile(wanted)), CriDecoder::gives()),
        Wish::Docker => {
            let log = wanted.slot("log").ok_or_else(|| Problem::new("docker", "no slot for the payload", ""))?;
            (DecoderName::Docker, Decoder::Docker(DockerDecoder::compile(log, wanted)), DockerDecoder::gives())
        }
        Wish::Syslog3164 => syslog(DecoderName::Syslog3164, SyslogForm::Bsd),
        Wish::Syslog5424 => syslog(DecoderName::Syslog5424, SyslogForm::Ietf),
        Wish::Syslog => syslog(DecoderName::Syslog, SyslogForm::Either),
        Wish::Combined(options) => {
            let common = options.format == CombinedFormat::Common;
            let decoder = Decoder::Combined(CombinedDecoder::compile(common, wanted));
            (DecoderName::Combined, decoder, CombinedDecoder::gives(common))
        }
        Wish::Regex(options) => {
            let (pattern, gives) = compile_regex(&options.pattern, wanted)?;
            (DecoderName::Regex, Decoder::Pattern(pattern), gives)
        }
        Wish::Dissect(options) => {
            let decoder = DissectDecoder::compile(&options.pattern, wanted)?;
            (DecoderName::Dissect, Decoder::Dissect(decoder), DissectDecoder::gives(&options.pattern))
        }
        Wish::Csv(options) => {
            let columns: Vec<&str> = options.columns.iter().map(|column| column.as_str()).collect();
            let decoder = CsvDecoder::compile(&columns, &options.delimiter, &options.quote, options.header, wanted)?;
            (DecoderName::Csv, Decoder::Csv(decoder), CsvDecoder::gives(&columns))
        }
        Wish::Grok(options) => {
            let definitions =
                options.definitions.iter().map(|(name, pattern)| (name.as_str(), pattern.as_str())).collect();
            let (pattern, gives) = compile_grok(&options.pattern, &definitions, wanted)?;
            (DecoderName::Grok, Decoder::Pattern(pattern), gives)
        }
        Wish::Protobuf(options) => {
            let message = encoded_message(options, own_message)?;
            let decoder = ProtobufDecoder::compile(&message, wanted);
            (DecoderName::Protobuf, Decoder::Protobuf(decoder), Gives::Message(message))
        }
    })
}

/// The message that a `protobuf` step reads: of a schema of its own, or of the manifest's schema.
fn encoded_message(
    options: &ProtobufOptions,
    own_message: Option<&MessageDescriptor>,
) -> Result<MessageDescriptor, Problem> {
    if let Some(schema) = &options.schema {
        let Some(text) = &schema.proto else {
            return Err(Problem::new(
                "protobuf.schema",
                "the text of the schema is not here",
                "Give it as `proto`; a `file` is put in its place by the command line",
            ));
        };
        let Some(name) = &options.message else {
            return Err(Problem::new(
                "protobuf.message",
                "a schema without the name of its message",
                "Name the message",
            ));
        };
        return ProtobufDecoder::message(text, name);
    }
    let Some(own) = own_message else {
        return Err(Problem::new(
            "protobuf",
            "there is no schema to read the message with",
            "Give `schema` and `message`",
        ));
    };
    let Some(name) = &options.message else {
        return Ok(own.clone());
    };
    let pool = own.parent_pool();
    let found = pool.get_message_by_name(name).or_else(|| {
        let package = own.package_name();
        pool.get_message_by_name(&format!("{package}.{name}"))
    });
    found.ok_or_else(|| {
        let names: Vec<String> = own.parent_file().messages().map(|message| message.full_name().to_owned()).collect();
        let remedy = format!("Use one of: {}", names.join(", "));
        Problem::new("protobuf.message", format!("the manifest's schema has no message `{name}`"), remedy)
    })
}
