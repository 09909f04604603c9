//! Reads TOML values into the types of a preset. Differs from the reader of the `toml` crate in two ways: an error
//! carries the key it is about, and an enum is written the way a preset writes it (see [`VariantRule`]).

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor, value::StrDeserializer,
};
use toml::{Table, Value};

use crate::error::suggest;
use crate::ranges::Failure;

/// Serde names Rust types; a preset's author knows TOML's.
fn plain(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u64" | "usize" | "u32" => "a whole number, 0 or more".into(),
        "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "an array".into(),
        "a tuple of size 2" => "an array of two numbers".into(),
        t if t.starts_with("struct ") || t == "a map" => "a table".into(),
        _ => text,
    }
}

fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Seq => "an array".into(),
        Unexpected::Map => "a table".into(),
        Unexpected::Str(s) => format!("the string \"{s}\""),
        Unexpected::Signed(n) => format!("the whole number {n}"),
        Unexpected::Unsigned(n) => format!("the whole number {n}"),
        Unexpected::Float(x) => format!("the number {x}"),
        Unexpected::Bool(b) => format!("{b}"),
        other => other.to_string(),
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure { path: vec![], message: message.to_string() }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        de::Error::custom(format!("expected {}, found {}", plain(expected), found(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        de::Error::custom(format!("expected {}, found an array of {length}", plain(expected)))
    }

    fn unknown_field(field: &str, valid: &'static [&'static str]) -> Self {
        if valid.is_empty() {
            return Failure::new([field], "unknown key; nothing can be set here");
        }
        Failure::new([field], format!("unknown key.{}", suggest(field, valid.iter().copied())))
    }

    fn unknown_variant(variant: &str, valid: &'static [&'static str]) -> Self {
        de::Error::custom(format!("\"{variant}\" is not known.{}", suggest(variant, valid.iter().copied())))
    }

    fn missing_field(field: &'static str) -> Self {
        Failure::new([field], "is missing and has no default")
    }
}

/// How an enum stands in a preset.
#[derive(Clone, Copy, PartialEq)]
enum VariantRule {
    /// `{ kind = "adam", beta1 = 0.9 }`: the key `kind` names the variant, the other keys are its fields.
    Kind,
    /// `{ conv2d = 128, kernel = 3 }`: one of the keys is the name of the variant, all keys are its fields.
    Key,
}

/// A TOML value to be read.
pub(super) struct De(pub Value);

impl De {
    fn seq<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, Failure> {
        let length = items.len();
        let mut access = Items { items: items.into_iter().enumerate() };
        let value = visitor.visit_seq(&mut access)?;
        match access.items.len() {
            0 => Ok(value),
            rest => Err(de::Error::invalid_length(length, &format!("an array of {}", length - rest).as_str())),
        }
    }

    fn map<'de, V: Visitor<'de>>(table: Table, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_map(Entries { entries: table.into_iter(), value: None })
    }
}

impl<'de> Deserializer<'de> for De {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::String(s) => visitor.visit_string(s),
            Value::Integer(n) => visitor.visit_i64(n),
            Value::Float(x) => visitor.visit_f64(x),
            Value::Boolean(b) => visitor.visit_bool(b),
            Value::Datetime(t) => Err(de::Error::invalid_type(Unexpected::Other(&format!("the date {t}")), &visitor)),
            Value::Array(items) => De::seq(items, visitor),
            Value::Table(table) => De::map(table, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant { variant, fields: Table::new() }),
            Value::Table(table) => {
                let rule = if name == "Layer" { VariantRule::Key } else { VariantRule::Kind };
                visitor.visit_enum(Variant::of(table, rule, variants)?)
            }
            other => {
                let expected = format!("one of {}", variants.join(", "));
                Err(de::Error::custom(format!("expected {expected}, found {other}")))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        match self.items.next() {
            None => Ok(None),
            Some((i, item)) => seed.deserialize(De(item)).map(Some).map_err(|e| e.under(format!("[{i}]"))),
        }
    }
}

struct Entries {
    entries: toml::map::IntoIter<String, Value>,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        let name: StrDeserializer<'_, Failure> = key.as_str().into_deserializer();
        let read = seed.deserialize(name)?;
        self.value = Some((key, value));
        Ok(Some(read))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (key, value) = self.value.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(De(value)).map_err(|e| e.under(key))
    }
}

struct Variant {
    variant: String,
    fields: Table,
}

impl Variant {
    fn of(mut table: Table, rule: VariantRule, variants: &'static [&'static str]) -> Result<Self, Failure> {
        if rule == VariantRule::Kind {
            return match table.remove("kind") {
                Some(Value::String(variant)) if variants.contains(&variant.as_str()) => {
                    Ok(Variant { variant, fields: table })
                }
                Some(Value::String(variant)) => {
                    Err(<Failure as de::Error>::unknown_variant(&variant, variants).under("kind"))
                }
                Some(other) => {
                    Err(Failure::new(["kind"], format!("expected one of {}, found {other}", variants.join(", "))))
                }
                None => Err(Failure::new(["kind"], format!("is missing; one of {}", variants.join(", ")))),
            };
        }
        let named: Vec<&str> = table.keys().map(String::as_str).filter(|k| variants.contains(k)).collect();
        match named[..] {
            [variant] => Ok(Variant { variant: variant.into(), fields: table }),
            [] => {
                let first = table.keys().next().map_or("", String::as_str);
                let near = suggest(first, variants.iter().copied());
                Err(de::Error::custom(format!("{} names no kind of layer.{near}", Value::Table(table.clone()))))
            }
            _ => Err(de::Error::custom(format!(
                "names {} kinds of layer ({}); write each as a table of its own",
                named.len(),
                named.join(", ")
            ))),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Failure;
    type Variant = Fields;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Fields), Failure> {
        let name: StrDeserializer<'_, Failure> = self.variant.as_str().into_deserializer();
        Ok((seed.deserialize(name)?, Fields(self.fields)))
    }
}

struct Fields(Table);

impl<'de> VariantAccess<'de> for Fields {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(de::Error::unknown_field(key, &[])),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(De(Value::Table(self.0)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        Err(de::Error::invalid_type(Unexpected::Map, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        De::map(self.0, visitor)
    }
}
