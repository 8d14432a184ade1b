//! Pieces that the kinds share: conditions in a status, and free JSON in tests.

use std::collections::BTreeMap;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Columns, or other names, and JSON values.
pub type JsonMap = BTreeMap<String, Value>;

/// Most entries of a [`JsonMap`].
const MAX_JSON_ENTRIES: u32 = 256;

/// Conditions as a map by type, bounded as Kubernetes bounds its own.
pub(crate) fn conditions_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One condition.",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": { "type": "string", "maxLength": 316, "description": "Name of the condition, such as Ready." },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "True, False or Unknown." },
                "observedGeneration": { "type": "integer", "format": "int64", "description": "Generation of the spec that the condition speaks of." },
                "lastTransitionTime": { "type": "string", "format": "date-time", "maxLength": 64, "description": "When the status last changed." },
                "reason": { "type": "string", "maxLength": 1024, "description": "Why, in one word." },
                "message": { "type": "string", "maxLength": 32768, "description": "Why, for people." }
            }
        }
    })
}

/// A map with free members. `additionalProperties` with free values would hide the field from CEL.
fn json_map(description: &str) -> Value {
    serde_json::json!({
        "type": "object",
        "description": description,
        "maxProperties": MAX_JSON_ENTRIES,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// A map to free JSON values.
pub(crate) fn json_map_schema(_: &mut SchemaGenerator) -> Schema {
    let mut schema = Schema::try_from(json_map("")).unwrap_or_default();
    // The field's own doc comment is the description.
    schema.remove("description");
    schema
}

/// A list of maps to free JSON values.
pub(crate) fn json_maps_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 256,
        "items": json_map("Names and values; names that are not given may have any value."),
    })
}
