//! The values of a preset that TOML has no type for: a number that can be infinite, a seed of 64 bits.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Mean;
use crate::ranges::NumberOr;

/// A number, or `"none"` for infinity.
pub(super) mod number_or_none {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        let x = d.deserialize_any(NumberOr { expecting: "a number or \"none\"", boolean: false })?;
        Ok(x.unwrap_or(f64::INFINITY))
    }

    pub fn serialize<S: Serializer>(x: &f64, s: S) -> Result<S::Ok, S::Error> {
        if *x == f64::INFINITY { s.serialize_str("none") } else { s.serialize_f64(*x) }
    }
}

/// A list of whole numbers; one of them stands without brackets.
pub(super) mod one_or_more {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u64>, D::Error> {
        d.deserialize_any(OneOrMore)
    }

    pub fn serialize<S: Serializer>(list: &[u64], s: S) -> Result<S::Ok, S::Error> {
        if let [one] = list { one.serialize(s) } else { list.serialize(s) }
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Vec<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a list of them")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Vec<u64>, E> {
        u64::try_from(n).map(|n| vec![n]).map_err(|_| E::invalid_value(Unexpected::Signed(n), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u64>, A::Error> {
        let mut list = vec![];
        while let Some(n) = seq.next_element()? {
            list.push(n);
        }
        Ok(list)
    }
}

/// `"measured"` or three numbers, or `false` for `None`.
pub(super) mod mean_or_false {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Mean>, D::Error> {
        d.deserialize_any(MeanOrFalse)
    }

    pub fn serialize<S: Serializer>(mean: &Option<Mean>, s: S) -> Result<S::Ok, S::Error> {
        match mean {
            None => s.serialize_bool(false),
            Some(Mean::Measured) => s.serialize_str("measured"),
            Some(Mean::Of(rgb)) => rgb.serialize(s),
        }
    }
}

struct MeanOrFalse;

impl<'de> Visitor<'de> for MeanOrFalse {
    type Value = Option<Mean>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[red, green, blue], \"measured\" or false")
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Option<Mean>, E> {
        if b { Err(E::invalid_type(Unexpected::Bool(b), &self)) } else { Ok(None) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<Mean>, E> {
        if text == "measured" { Ok(Some(Mean::Measured)) } else { Err(E::invalid_type(Unexpected::Str(text), &self)) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<Mean>, A::Error> {
        <[f64; 3]>::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(|rgb| Some(Mean::Of(rgb)))
    }
}

struct BoolOrAuto;

impl Visitor<'_> for BoolOrAuto {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or \"auto\"")
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Option<bool>, E> {
        Ok(Some(b))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<bool>, E> {
        if text == "auto" { Ok(None) } else { Err(E::invalid_type(Unexpected::Str(text), &self)) }
    }
}

/// `true`, `false`, or `"auto"` for `None`.
pub(super) mod bool_or_auto {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<bool>, D::Error> {
        d.deserialize_any(BoolOrAuto)
    }

    pub fn serialize<S: Serializer>(x: &Option<bool>, s: S) -> Result<S::Ok, S::Error> {
        match x {
            Some(x) => s.serialize_bool(*x),
            None => s.serialize_str("auto"),
        }
    }
}

struct SeedVisitor;

impl Visitor<'_> for SeedVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 to 2^64 - 1 (as a string from 2^63 on)")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<u64, E> {
        u64::try_from(n).map_err(|_| E::invalid_value(Unexpected::Signed(n), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A seed of 64 bits, of which TOML's integers have only 63.
pub(super) mod seed {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        d.deserialize_any(SeedVisitor)
    }

    pub fn serialize<S: Serializer>(x: &u64, s: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(*x) {
            Ok(n) => s.serialize_i64(n),
            Err(_) => s.serialize_str(&x.to_string()),
        }
    }
}
