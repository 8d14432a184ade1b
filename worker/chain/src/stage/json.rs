//! Events, late rows, dead letters and templates as JSON objects: what people and stores read.
//!
//! One object per call, without a line end. Field order is fixed and floats are written in one way, so equal records
//! are equal bytes.

use crate::compile::program::Program;
use crate::join::{Emission, JoinedKind};
use crate::parse::schema::{write_base64, write_text};
use crate::row::RowBuf;
use crate::stage::events::{DeadLetter, EventKind, EventRecord, LateRecord, Member, TemplateRecord};
use crate::stage::object::Object;

/// `{"id","time","kind",["emission"],["key"],["fields"|"members"],["augment"]}`
pub fn write_event(program: &Program, event: &EventRecord<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.shown("id", event.id);
    object.shown("time", event.time);
    match event.kind {
        EventKind::Single => object.text("kind", "single"),
        EventKind::Joined(kind, emission) => {
            let name = match kind {
                JoinedKind::Pair => "pair",
                JoinedKind::Alone => "alone",
                JoinedKind::Complete => "complete",
                JoinedKind::Incomplete => "incomplete",
            };
            object.text("kind", name);
            match emission {
                Emission::Regular => {}
                Emission::Evicted => object.text("emission", "evicted"),
                Emission::Late => object.text("emission", "late"),
            }
        }
    }
    if let Some(key) = event.key {
        write_text(key, object.name("key"));
    }
    match (event.kind, event.members.as_slice()) {
        (EventKind::Single, [member]) => write_member_parts(program, member, &mut object),
        _ => write_members(program, event, &mut object),
    }
    if !event.augment.is_empty() {
        write_augment(program, event, &mut object);
    }
    object.close();
}

fn write_members(program: &Program, event: &EventRecord<'_>, object: &mut Object<'_>) {
    let start = event.members.iter().map(|member| member.time).min().unwrap_or(event.time);
    let end = event.members.iter().map(|member| member.time).max().unwrap_or(event.time);
    object.integer("duration_us", (end - start).0);
    let out = object.name("members");
    out.push(b'[');
    for (index, member) in event.members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let mut inner = Object::open(out);
        inner.shown("id", member.id);
        inner.shown("time", member.time);
        write_member_parts(program, member, &mut inner);
        inner.close();
    }
    out.push(b']');
}

fn write_member_parts(program: &Program, member: &Member<'_>, object: &mut Object<'_>) {
    let Some(source) = program.sources.get(usize::from(member.source)) else { return };
    object.text("source", &source.name);
    if let Some(template) = member.template {
        object.shown("template", format_args!("{template:016x}"));
    }
    let mut cells = RowBuf::new();
    if source.parse.decode(member.row, &mut cells).is_ok() {
        source.parse.message().write_json(&cells, object.name("fields"));
    }
}

fn write_augment(program: &Program, event: &EventRecord<'_>, object: &mut Object<'_>) {
    let mut all = object.object("augment");
    for (index, end, values) in &event.augment {
        let Some(augment) = program.definition.augment.get(usize::from(*index)) else { continue };
        let mut one = all.object(&augment.name);
        one.shown("end", *end);
        for ((name, _), value) in augment.values.iter().zip(values) {
            one.scalar(name, value);
        }
        one.close();
    }
    all.close();
}

/// `{"source","partition","offset","time","watermark","late_by_us","id","fields"}`
pub fn write_late(program: &Program, partition: u32, late: &LateRecord<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.integer("partition", partition);
    object.integer("offset", late.offset.0);
    object.shown("time", late.member.time);
    object.shown("watermark", late.watermark);
    object.integer("late_by_us", (late.watermark - late.member.time).0);
    object.shown("id", late.member.id);
    write_member_parts(program, &late.member, &mut object);
    object.close();
}

/// `{"source","partition","offset","reason","detail",["time"],"bytes",["reference"],"raw"|"raw_base64"}`
pub fn write_dead_letter(source: &str, partition: u32, letter: &DeadLetter<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text("source", source);
    object.integer("partition", partition);
    object.integer("offset", letter.offset.0);
    object.text("reason", letter.reason.name());
    object.text("detail", &letter.detail);
    if let Some(time) = letter.time {
        object.shown("time", time);
    }
    object.integer("bytes", letter.full_length);
    if let Some(reference) = letter.reference {
        object.text("reference", reference);
    }
    match std::str::from_utf8(letter.raw) {
        Ok(text) => object.text("raw", text),
        Err(_) => write_base64(letter.raw, object.name("raw_base64")),
    }
    object.close();
}

/// `{"id","revision","source","partition","template","count","first","last",["evicted"],["merged_into"]}`
pub fn write_template(source: &str, partition: u32, template: &TemplateRecord, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.shown("id", format_args!("{:016x}", template.id));
    object.integer("revision", template.revision);
    object.text("source", source);
    object.integer("partition", partition);
    object.text("template", &template.text);
    object.integer("count", template.count);
    object.shown("first", template.first);
    object.shown("last", template.last);
    if template.evicted {
        object.bool("evicted", true);
    }
    if let Some(survivor) = template.merged_into {
        object.shown("merged_into", format_args!("{survivor:016x}"));
    }
    object.close();
}
