//! Protobuf text to layout: protox compiles it in memory, the message tree is flattened.

use super::{
    DIRECT, EnumNames, FieldLayout, Leaf, MAX_COLUMNS, MAX_DEPTH, MAX_PROTO_BYTES, MessageLayout, Oneof, Scalar,
    Schema, SchemaError, Target, json,
};
use crate::row::{ColumnInfo, ColumnType, RowSchema};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use std::sync::Arc;

/// Name of the manifest's text among the files; it shows in no message.
const FILE: &str = "schema.proto";

/// The text, and nothing else of its name.
struct InMemory(String);

impl FileResolver for InMemory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == FILE { File::from_source(name, &self.0) } else { Err(protox::Error::file_not_found(name)) }
    }
}

pub(super) fn compile(text: &str, message: &str) -> Result<Schema, SchemaError> {
    let descriptor = descriptor(text, message)?;
    let mut flat = Flattener::default();
    flat.message(&descriptor, "", &mut Vec::new())?;
    if flat.columns.is_empty() {
        return Err(SchemaError::Empty { message: descriptor.full_name().to_owned() });
    }
    Ok(Schema {
        rows: Arc::new(RowSchema::new(flat.columns)),
        descriptor,
        messages: flat.messages,
        leaves: flat.leaves,
        oneofs: flat.oneofs,
        json: flat.json,
    })
}

/// The message alone, with whatever fields it has.
pub(super) fn descriptor(text: &str, message: &str) -> Result<MessageDescriptor, SchemaError> {
    if text.len() > MAX_PROTO_BYTES {
        return Err(SchemaError::TooLarge { bytes: text.len() });
    }
    let pool = compile_text(text).map_err(|error| syntax_error(&error))?;
    find_message(&pool, message)
}

fn compile_text(text: &str) -> Result<DescriptorPool, protox::Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(InMemory(text.to_owned()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file(FILE)?;
    Ok(compiler.descriptor_pool())
}

/// protox's debug form is `schema.proto:LINE:COLUMN: message`.
fn syntax_error(error: &protox::Error) -> SchemaError {
    let text = format!("{error:?}");
    let positioned = text.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(':')).and_then(|rest| {
        let (line, rest) = rest.split_once(':')?;
        let (column, message) = rest.split_once(": ")?;
        Some((line.parse().ok()?, column.parse().ok()?, message.to_owned()))
    });
    let (line, column, message) = positioned.unwrap_or_else(|| (0, 0, error.to_string()));
    SchemaError::Syntax { line, column, message }
}

fn find_message(pool: &DescriptorPool, name: &str) -> Result<MessageDescriptor, SchemaError> {
    if let Some(found) = pool.get_message_by_name(name) {
        return Ok(found);
    }
    let own = || pool.all_messages().filter(|message| message.parent_file().name() == FILE && !message.is_map_entry());
    let mut short = own().filter(|message| message.name() == name);
    match (short.next(), short.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(SchemaError::UnknownMessage {
            message: name.to_owned(),
            available: own().map(|message| message.full_name().to_owned()).collect(),
        }),
    }
}

#[derive(Default)]
struct Flattener {
    columns: Vec<ColumnInfo>,
    leaves: Vec<Leaf>,
    messages: Vec<MessageLayout>,
    oneofs: Vec<Oneof>,
    json: Vec<json::Step>,
}

impl Flattener {
    /// Adds a message and everything below it; gives its index.
    fn message(
        &mut self,
        message: &MessageDescriptor,
        prefix: &str,
        above: &mut Vec<String>,
    ) -> Result<u16, SchemaError> {
        let index = u16::try_from(self.messages.len()).map_err(|_| SchemaError::TooManyColumns)?;
        self.messages.push(MessageLayout { fields: Vec::new(), direct: [0; DIRECT] });
        above.push(message.full_name().to_owned());

        let first_oneof = self.oneofs.len();
        let real_oneofs = message.oneofs().filter(|oneof| !oneof.is_synthetic());
        self.oneofs.extend(real_oneofs.map(|_| Oneof { members: Vec::new() }));
        let oneof_names: Vec<String> =
            message.oneofs().filter(|oneof| !oneof.is_synthetic()).map(|oneof| oneof.name().to_owned()).collect();

        let mut fields = Vec::new();
        // Declaration order for columns; prost-reflect iterates by number.
        for declared in &message.descriptor_proto().field {
            let number = u32::try_from(declared.number()).unwrap_or_default();
            let Some(field) = message.get_field(number) else {
                continue;
            };
            let start = self.column_count();
            let target = self.field(&field, prefix, above)?;
            let mut layout = FieldLayout::new(&field, target);
            if let Some(place) =
                field.containing_oneof().and_then(|oneof| oneof_names.iter().position(|name| name == oneof.name()))
            {
                let group = first_oneof + place;
                layout.oneof = Some((group as u16, self.oneofs[group].members.len() as u16));
                let columns = start..self.column_count();
                self.oneofs[group].members.push(columns);
            }
            fields.push(layout);
        }
        fields.sort_by_key(|field| field.number);
        let layout = &mut self.messages[usize::from(index)];
        for (place, field) in fields.iter().enumerate() {
            if let (Some(slot), Ok(place)) = (layout.direct.get_mut(field.number as usize), u8::try_from(place + 1)) {
                *slot = place;
            }
        }
        layout.fields = fields;
        above.pop();
        Ok(index)
    }

    fn field(&mut self, field: &FieldDescriptor, prefix: &str, above: &mut Vec<String>) -> Result<Target, SchemaError> {
        let name = if prefix.is_empty() { field.name().to_owned() } else { format!("{prefix}.{}", field.name()) };
        refuse_unsupported(field, &name)?;
        let Kind::Message(nested) = field.kind() else {
            return self.leaf(field, name);
        };
        if above.iter().any(|outer| outer == nested.full_name()) {
            return Err(SchemaError::Recursive { field: name, message: nested.full_name().to_owned() });
        }
        if above.len() > MAX_DEPTH {
            return Err(SchemaError::TooDeep { field: name });
        }
        let open = self.json.len();
        self.json.push(json::Step::open(field.name()));
        let first = self.column_count();
        let index = self.message(&nested, &name, above)?;
        self.json.push(json::Step::Close);
        let end = self.json.len();
        let last = self.column_count();
        self.json[open].set_extent(first..last, end);
        Ok(Target::Message(index))
    }

    fn leaf(&mut self, field: &FieldDescriptor, name: String) -> Result<Target, SchemaError> {
        if self.columns.len() >= MAX_COLUMNS {
            return Err(SchemaError::TooManyColumns);
        }
        let (kind, column_type, values) = scalar_of(&field.kind());
        let column = self.column_count();
        self.json.push(json::Step::leaf(field.name(), column));
        self.columns.push(ColumnInfo { name, kind: column_type });
        self.leaves.push(Leaf { kind, values });
        Ok(Target::Leaf { column, kind })
    }

    /// At most [`MAX_COLUMNS`], so it fits.
    fn column_count(&self) -> u16 {
        self.columns.len() as u16
    }
}

fn refuse_unsupported(field: &FieldDescriptor, name: &str) -> Result<(), SchemaError> {
    let field_name = || name.to_owned();
    if field.is_map() {
        return Err(SchemaError::Map { field: field_name() });
    }
    if field.is_list() {
        return Err(SchemaError::Repeated { field: field_name() });
    }
    if field.is_group() {
        return Err(SchemaError::Group { field: field_name() });
    }
    if field.is_required() {
        return Err(SchemaError::Required { field: field_name() });
    }
    Ok(())
}

impl FieldLayout {
    fn new(field: &FieldDescriptor, target: Target) -> Self {
        let wire_type = match target {
            Target::Message(_) => 2,
            Target::Leaf { kind, .. } => wire_type(kind),
        };
        let number = field.number();
        let mut tag = [0; 5];
        let mut tag_length = 0;
        let mut rest = (number << 3) | wire_type;
        for byte in &mut tag {
            *byte = (rest & 0x7f) as u8;
            tag_length += 1;
            rest >>= 7;
            if rest == 0 {
                break;
            }
            *byte |= 0x80;
        }
        Self { number, tag, tag_length, target, oneof: None }
    }
}

/// The wire type of a scalar.
pub(super) fn wire_type(kind: Scalar) -> u32 {
    match kind {
        Scalar::Fixed64 | Scalar::Sfixed64 | Scalar::Double => 1,
        Scalar::String | Scalar::Bytes => 2,
        Scalar::Fixed32 | Scalar::Sfixed32 | Scalar::Float => 5,
        _ => 0,
    }
}

fn scalar_of(kind: &Kind) -> (Scalar, ColumnType, Option<Arc<EnumNames>>) {
    let (scalar, column) = match kind {
        Kind::Bool => (Scalar::Bool, ColumnType::Bool),
        Kind::Int32 => (Scalar::Int32, ColumnType::Int),
        Kind::Int64 => (Scalar::Int64, ColumnType::Int),
        Kind::Uint32 => (Scalar::Uint32, ColumnType::Int),
        Kind::Uint64 => (Scalar::Uint64, ColumnType::Int),
        Kind::Sint32 => (Scalar::Sint32, ColumnType::Int),
        Kind::Sint64 => (Scalar::Sint64, ColumnType::Int),
        Kind::Fixed32 => (Scalar::Fixed32, ColumnType::Int),
        Kind::Fixed64 => (Scalar::Fixed64, ColumnType::Int),
        Kind::Sfixed32 => (Scalar::Sfixed32, ColumnType::Int),
        Kind::Sfixed64 => (Scalar::Sfixed64, ColumnType::Int),
        Kind::Float => (Scalar::Float, ColumnType::Float),
        Kind::Double => (Scalar::Double, ColumnType::Float),
        Kind::String => (Scalar::String, ColumnType::String),
        // Messages never come here.
        Kind::Bytes | Kind::Message(_) => (Scalar::Bytes, ColumnType::Bytes),
        Kind::Enum(descriptor) => {
            let mut by_name: Vec<(String, i32)> =
                descriptor.values().map(|value| (value.name().to_owned(), value.number())).collect();
            let mut by_number: Vec<(i32, String)> = Vec::with_capacity(by_name.len());
            for declared in &descriptor.enum_descriptor_proto().value {
                if by_number.iter().all(|(number, _)| *number != declared.number()) {
                    by_number.push((declared.number(), declared.name().to_owned()));
                }
            }
            by_name.sort();
            by_number.sort();
            return (Scalar::Enum, ColumnType::Enum, Some(Arc::new(EnumNames { by_name, by_number })));
        }
    };
    (scalar, column, None)
}
