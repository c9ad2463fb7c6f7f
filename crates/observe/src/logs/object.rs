//! Lines that are JSON objects.
//!
//! Only what is wanted is looked at, and nothing is copied: values stay as they are written, escapes and all.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::format::{Escape, Format, Framing, Tells};
use super::line::{Fault, Field, Line, Taken, Written};

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// It is the time.
    Time,
    /// It is this field; of a list the first item.
    Field(Field),
    /// It is this field, with a port that is cut off.
    WithPort(Field),
    /// It is this field, a list as it is.
    List(Field),
    /// It says whether the handshake was completed.
    Established,
}

/// A key: what it holds, or the keys in it.
#[derive(Clone, Debug, Default)]
struct Node {
    slot: Option<Slot>,
    children: Vec<(Box<str>, Node)>,
}

/// Lines that are JSON objects, by the paths of the values that are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    name: &'static str,
    root: Node,
    fields: Vec<Field>,
    pub(crate) written: Written,
    pub(crate) tells: Tells,
    pub(crate) framing: Framing,
    pub(crate) hint: Option<&'static str>,
    /// Whether a line is one of these at all; others are passed over.
    pub(crate) is_one: fn(&[u8]) -> bool,
}

impl Objects {
    /// Objects with these paths, keys divided by `/`. The case of keys does not count.
    pub(crate) fn new(name: &'static str, written: Written, paths: &[(&str, Slot)]) -> Self {
        let mut objects = Self {
            name,
            root: Node::default(),
            fields: Vec::new(),
            written,
            tells: Tells::Requests,
            framing: Framing::Lines,
            hint: None,
            is_one: |_| true,
        };
        for (path, slot) in paths {
            objects.want(path, *slot);
        }
        objects
    }

    /// Adds a path.
    pub(crate) fn want(&mut self, path: &str, slot: Slot) {
        let mut node = &mut self.root;
        for key in path.split('/') {
            let known = node
                .children
                .iter()
                .position(|(known, _)| known.eq_ignore_ascii_case(key));
            let place = known.unwrap_or_else(|| {
                node.children.push((key.into(), Node::default()));
                node.children.len() - 1
            });
            let Some((_, child)) = node.children.get_mut(place) else {
                return;
            };
            node = child;
        }
        node.slot = Some(slot);
        if let Slot::Field(field) | Slot::WithPort(field) | Slot::List(field) = slot {
            self.fields.push(field);
        } else if slot == Slot::Established {
            self.fields.push(Field::Failure);
        }
        self.fields.sort_unstable();
        self.fields.dedup();
    }
}

impl Format for Objects {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn written(&self) -> Written {
        self.written.clone()
    }

    fn split<'a>(&self, line: &'a [u8], out: &mut Line<'a>) -> Result<Taken, Fault> {
        if !(self.is_one)(line) {
            return Ok(Taken::Skipped);
        }
        if line.first() != Some(&b'{') {
            return Err(Fault::new(0, "it is no JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(line);
        let walk = Walk {
            node: &self.root,
            out,
        };
        walk.deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| {
                let text = error.to_string();
                let reason = text
                    .split(" at line ")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                Fault::new(
                    error.column().saturating_sub(1),
                    format!("it is no JSON: {reason}"),
                )
            })?;
        Ok(Taken::Row)
    }

    fn escape(&self) -> Escape {
        Escape::Json
    }

    fn tells(&self) -> Tells {
        self.tells
    }

    fn framing(&self) -> Framing {
        self.framing
    }

    fn hint(&self) -> Option<String> {
        self.hint.map(str::to_owned)
    }
}

struct Walk<'n, 'o, 'a> {
    node: &'n Node,
    out: &'o mut Line<'a>,
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else {
            return deserializer.deserialize_any(self);
        };
        let raw = <&'a RawValue as serde::Deserialize>::deserialize(deserializer)?;
        put(slot, raw.get().as_bytes(), self.out);
        Ok(())
    }
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(found) = map.next_key_seed(Key(self.node))? {
            match found {
                Some(node) => map.next_value_seed(Walk {
                    node,
                    out: &mut *self.out,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    // What is no object holds nothing that is wanted.
    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Finds the child that a key names.
struct Key<'n>(&'n Node);

impl<'n, 'a> DeserializeSeed<'a> for Key<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Key<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let mut children = self.0.children.iter();
        Ok(children
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, node)| node))
    }
}

fn put<'a>(slot: Slot, raw: &'a [u8], out: &mut Line<'a>) {
    match slot {
        Slot::Time => out.time = bare(raw),
        Slot::Field(field) => out.set(field, bare(first(raw))),
        Slot::WithPort(field) => out.set(field, super::template::without_port(bare(raw))),
        Slot::List(field) if raw == b"[]" => out.set(field, &[]),
        Slot::List(field) => out.set(field, bare(raw)),
        Slot::Established => out.set_established(bare(raw)),
    }
}

/// The first item of a list; anything else as it is.
fn first(raw: &[u8]) -> &[u8] {
    let Some(inside) = raw.strip_prefix(b"[") else {
        return raw;
    };
    let mut items = serde_json::Deserializer::from_slice(inside).into_iter::<&RawValue>();
    match items.next() {
        Some(Ok(item)) => item.get().as_bytes(),
        _ => &[],
    }
}

/// A string without its quotes; `null` is nothing.
fn bare(raw: &[u8]) -> &[u8] {
    match raw {
        b"null" => &[],
        [b'"', inside @ .., b'"'] => inside,
        other => other,
    }
}
