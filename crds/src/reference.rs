//! The field reference of a kind as Markdown, for the book in `docs/`.
//!
//! What it is: one section per object of the schema, one row per field: type, bounds, default,
//! description; then the rules between the fields. It comes from the same schema as the CRDs, so the
//! book cannot say anything else. What it must never do: know a field by name.

use serde_json::{Map, Value};

use crate::generate;
use crate::kind::ApiKind;
use crate::rules;
use crate::suggest;

/// The page of a kind.
pub(crate) fn page(kind: ApiKind) -> String {
    let schema = generate::documented_schema(kind);
    let mut page = format!(
        "<!-- Generated from the types in crds/src. Do not edit: run `make generate`. -->\n# {}\n\n{}\n\n\
         `apiVersion: {}`, `kind: {}`. A field that is not listed here is refused. Fields in **bold** \
         must be given. [How to read this page](index.md).\n",
        kind.as_str(),
        description(&schema),
        crate::API_VERSION,
        kind.as_str(),
    );
    if let Some(spec) = schema["properties"]["spec"].as_object() {
        section("spec", spec, &mut page);
    }
    page
}

/// The section of an object, and those of the objects below it.
fn section(path: &str, object: &Map<String, Value>, page: &mut String) {
    page.push_str(&format!("\n## `{path}`\n"));
    let about = object.get("description").and_then(Value::as_str);
    if let Some(about) = about {
        page.push_str(&format!("\n{about}\n"));
    }
    let Some(fields) = object.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required = required_fields(object);
    page.push_str("\n| field | type | bounds | default | |\n|---|---|---|---|---|\n");
    for (name, field) in fields.iter().filter(|(_, field)| !is_twin(field)) {
        let shown = match required.contains(&name.as_str()) {
            true => format!("**`{name}`**"),
            false => format!("`{name}`"),
        };
        let below = object_below(path, name, field).map(|(path, _)| path);
        page.push_str(&format!(
            "| {shown} | {} | {} | {} | {} |\n",
            type_of(field, below.as_deref()),
            cell(&bounds_of(field).join(", ")),
            default_of(field),
            cell(&description(field)),
        ));
    }
    write_rules(object, page);
    for (name, field) in fields.iter().filter(|(_, field)| !is_twin(field)) {
        if let Some((path, inner)) = object_below(path, name, field) {
            section(&path, inner, page);
        }
    }
}

fn write_rules(object: &Map<String, Value>, page: &mut String) {
    let texts: Vec<String> = rules_of(object).map(|rule| rule.message()).collect();
    if texts.is_empty() {
        return;
    }
    page.push_str("\nRules:\n\n");
    for text in texts {
        page.push_str(&format!("- {}\n", cell(&text)));
    }
}

fn rules_of(object: &Map<String, Value>) -> impl Iterator<Item = &'static rules::Rule> {
    let listed = object.get("x-kubernetes-validations");
    let listed = listed.and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|rule| rules::find(rule["rule"].as_str()?))
}

/// The twin of `on` for readers of YAML 1.1.
fn is_twin(field: &Value) -> bool {
    field["description"] == rules::TWIN_DESCRIPTION
}

fn required_fields(object: &Map<String, Value>) -> Vec<&str> {
    let listed = object.get("required").and_then(Value::as_array);
    let mut names: Vec<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = object.get("properties").and_then(Value::as_object);
    if fields.is_some_and(|fields| fields.values().any(is_twin)) {
        // A rule asks for one of the two.
        names.push("on");
    }
    names
}

/// The object that a field holds, whether as it is, in a list or in a map, and its path.
fn object_below<'a>(path: &str, name: &str, field: &'a Value) -> Option<(String, &'a Map<String, Value>)> {
    let mut path = format!("{path}.{name}");
    let mut inner = field;
    loop {
        if inner.get("properties").is_some() {
            return Some((path, inner.as_object()?));
        }
        if let Some(items) = inner.get("items") {
            path.push_str("[]");
            inner = items;
        } else {
            inner = inner.get("additionalProperties")?;
            path.push_str(".*");
        }
    }
}

/// The type in words; an object is a link to its section.
fn type_of(field: &Value, section: Option<&str>) -> String {
    if let Some(items) = field.get("items") {
        return format!("list of {}", type_of(items, section));
    }
    if let Some(values) = field.get("additionalProperties") {
        return format!("map to {}", type_of(values, section));
    }
    if field.get("enum").is_some() {
        return "one of".to_owned();
    }
    if field.get("x-kubernetes-int-or-string").is_some() {
        return "integer or text".to_owned();
    }
    if field.get("x-kubernetes-preserve-unknown-fields").is_some() {
        return "any value".to_owned();
    }
    match (field["type"].as_str(), section) {
        (Some("object"), Some(section)) => format!("[object](#{})", anchor(section)),
        (Some("string"), _) => match field["pattern"].as_str().map(suggest::noun) {
            Some(noun) => noun.trim_start_matches("an ").trim_start_matches("a ").to_owned(),
            None => "text".to_owned(),
        },
        (Some(plain), _) => plain.to_owned(),
        (None, _) => "any value".to_owned(),
    }
}

/// The anchor that mdBook gives to the heading of a section.
fn anchor(path: &str) -> String {
    let kept = path.chars().filter(|letter| letter.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// Bounds in words: of the value, then of its items.
fn bounds_of(field: &Value) -> Vec<String> {
    let mut bounds = Vec::new();
    if let Some(words) = field["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", plain(word))).collect();
        bounds.push(words.join(" "));
    }
    let ranges = [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " entries"),
    ];
    for (least, most, unit) in ranges {
        let (least, most) = (number(field.get(least)), number(field.get(most)));
        match (least, most) {
            (Some(least), Some(most)) => bounds.push(format!("{least} to {most}{unit}")),
            (None, Some(most)) => bounds.push(format!("at most {most}{unit}")),
            (Some(least), None) => bounds.push(format!("at least {least}{unit}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = field["pattern"].as_str()
        && suggest::noun(pattern) == "a text"
    {
        bounds.push(format!("`{pattern}`"));
    }
    let below = field.get("items").or_else(|| field.get("additionalProperties"));
    if let Some(below) = below {
        let inner = bounds_of(below);
        if !inner.is_empty() {
            bounds.push(format!("each {}", inner.join(", ")));
        }
    }
    bounds
}

fn number(value: Option<&Value>) -> Option<String> {
    let value = value?;
    // Schemas have whole bounds as floats.
    match value.as_f64() {
        Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Some(format!("{float:.0}")),
        _ => Some(value.to_string()),
    }
}

fn default_of(field: &Value) -> String {
    match field.get("default") {
        Some(default) => format!("`{}`", plain(default)),
        None => String::new(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// Text for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ")
}
