//! `decode`: the steps that take a line apart.
//!
//! ```text
//! line ─► step 1 ─► extracted names, body ─► step 2 (from body, or from a name) ─► … ─► fields
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Empty;
use crate::rules;
use crate::text::{Extracted, Ident, MessageName, Pattern, ProtoText, RelativePath, Separator};

/// One decode step: exactly one decoder, and what it reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::decode_step()))]
pub struct DecodeStep {
    /// Name of a previously extracted value to decode. Default: the whole line for the first step,
    /// then the payload the step before names (`log` of docker, `message` of cri and syslog).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Extracted>,
    /// Text put before every name that this step extracts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Extracted>,
    /// When true a value that this step cannot decode skips the step instead of sending the line to
    /// the dead-letter output. Default false.
    #[serde(default)]
    pub optional: bool,
    /// A JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Empty>,
    /// logfmt: `key=value key="two words"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logfmt: Option<Empty>,
    /// Pairs of key and value with separators of your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_value: Option<KeyValue>,
    /// Kubernetes CRI line: time, stream, tag, message. Partial lines are joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cri: Option<Empty>,
    /// Docker JSON envelope: `log`, `stream`, `time`. Partial lines are joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<Empty>,
    /// BSD syslog (RFC 3164).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog3164: Option<Empty>,
    /// Syslog (RFC 5424) with structured data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog5424: Option<Empty>,
    /// Either form of syslog, told apart by the version after the priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<Empty>,
    /// Access logs of Apache and nginx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combined: Option<Combined>,
    /// A regular expression with named groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<RegexDecoder>,
    /// A grok pattern, with the standard library of patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grok: Option<Grok>,
    /// A dissect pattern: `%{a} %{b}` with literal text between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dissect: Option<Dissect>,
    /// Comma-separated values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<Csv>,
    /// A Protobuf message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protobuf: Option<ProtobufDecoder>,
}

/// The decoder a step names, as one value to match on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoder<'a> {
    /// `json`
    Json,
    /// `logfmt`
    Logfmt,
    /// `keyValue`
    KeyValue(&'a KeyValue),
    /// `cri`
    Cri,
    /// `docker`
    Docker,
    /// `syslog3164`
    Syslog3164,
    /// `syslog5424`
    Syslog5424,
    /// `syslog`
    Syslog,
    /// `combined`
    Combined(&'a Combined),
    /// `regex`
    Regex(&'a RegexDecoder),
    /// `grok`
    Grok(&'a Grok),
    /// `dissect`
    Dissect(&'a Dissect),
    /// `csv`
    Csv(&'a Csv),
    /// `protobuf`
    Protobuf(&'a ProtobufDecoder),
}

impl DecodeStep {
    /// Field names of the decoders, in the order of the type.
    pub const DECODERS: &'static [&'static str] = &[
        "json",
        "logfmt",
        "keyValue",
        "cri",
        "docker",
        "syslog3164",
        "syslog5424",
        "syslog",
        "combined",
        "regex",
        "grok",
        "dissect",
        "csv",
        "protobuf",
    ];

    /// The one decoder of this step; none when the resource was not checked and names none.
    pub fn decoder(&self) -> Option<Decoder<'_>> {
        let unit = |member: &Option<Empty>, decoder| member.as_ref().map(|Empty {}| decoder);
        unit(&self.json, Decoder::Json)
            .or_else(|| unit(&self.logfmt, Decoder::Logfmt))
            .or_else(|| self.key_value.as_ref().map(Decoder::KeyValue))
            .or_else(|| unit(&self.cri, Decoder::Cri))
            .or_else(|| unit(&self.docker, Decoder::Docker))
            .or_else(|| unit(&self.syslog3164, Decoder::Syslog3164))
            .or_else(|| unit(&self.syslog5424, Decoder::Syslog5424))
            .or_else(|| unit(&self.syslog, Decoder::Syslog))
            .or_else(|| self.combined.as_ref().map(Decoder::Combined))
            .or_else(|| self.regex.as_ref().map(Decoder::Regex))
            .or_else(|| self.grok.as_ref().map(Decoder::Grok))
            .or_else(|| self.dissect.as_ref().map(Decoder::Dissect))
            .or_else(|| self.csv.as_ref().map(Decoder::Csv))
            .or_else(|| self.protobuf.as_ref().map(Decoder::Protobuf))
    }
}

/// Separators of key-value text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeyValue {
    /// Text between one pair and the next. Default one space.
    pub field_separator: Separator,
    /// Text between a key and its value. Default `=`.
    pub pair_separator: Separator,
    /// Character that encloses values which hold a separator. Default `"`.
    pub quote: Separator,
}

impl Default for KeyValue {
    fn default() -> Self {
        Self { field_separator: " ".into(), pair_separator: "=".into(), quote: "\"".into() }
    }
}

/// Which access log format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CombinedFormat {
    /// Apache `combined`.
    #[default]
    Apache,
    /// nginx `combined`.
    Nginx,
    /// The common log format: no referer, no user agent.
    Common,
}

/// Access logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Combined {
    /// `apache` (default), `nginx` or `common`.
    pub format: CombinedFormat,
}

/// A regular expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegexDecoder {
    /// Pattern with named groups `(?P<name>…)`; each group becomes an extracted name.
    pub pattern: Pattern,
}

/// A grok pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grok {
    /// Pattern such as `%{IP:client} %{WORD:method}`.
    pub pattern: Pattern,
    /// Patterns of your own, by the name under which `pattern` uses them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "x-kubernetes-validations" = rules::ident_keys()))]
    pub definitions: BTreeMap<Ident, Pattern>,
}

/// A dissect pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dissect {
    /// Pattern such as `%{time} [%{level}] %{message}`.
    pub pattern: Pattern,
}

/// Comma-separated values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Csv {
    /// Names of the columns, left to right.
    #[schemars(length(min = 1, max = 256))]
    pub columns: Vec<Extracted>,
    /// Character between columns. Default `,`.
    #[serde(default = "comma")]
    pub delimiter: Separator,
    /// Character that encloses a column which holds a delimiter or a line end. Default `"`.
    #[serde(default = "double_quote")]
    pub quote: Separator,
    /// When true a line that equals the column names is a header and is not an event. Default false.
    #[serde(default)]
    pub header: bool,
}

fn comma() -> Separator {
    ",".into()
}

fn double_quote() -> Separator {
    "\"".into()
}

/// A Protobuf message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProtobufDecoder {
    /// The schema of the encoded message. Default: the manifest's own schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<ProtoSource>,
    /// Full name of the encoded message. Default: the manifest's own message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageName>,
}

/// Where a Protobuf schema comes from: exactly one of text or file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::proto_source()))]
pub struct ProtoSource {
    /// The text of a proto3 file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<ProtoText>,
    /// Path of a `.proto` file beside this resource. Only the command line reads files: it puts the
    /// text in place before it applies or runs the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<RelativePath>,
}
