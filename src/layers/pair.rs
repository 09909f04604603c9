//! A pair of numbers of a preset, written as one where both are the same; or a word in its place.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// Rows and columns: `3` is short for `[3, 3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub [usize; 2]);

impl Pair {
    /// No padding.
    pub const ZERO: Pair = Pair([0, 0]);
    /// Every pixel.
    pub const ONE: Pair = Pair([1, 1]);

    /// Serde default.
    pub fn zero() -> Self {
        Pair::ZERO
    }

    /// Serde default.
    pub fn one() -> Self {
        Pair::ONE
    }

    /// Serde skip.
    pub fn is_zero(&self) -> bool {
        *self == Pair::ZERO
    }

    /// Serde skip.
    pub fn is_one(&self) -> bool {
        *self == Pair::ONE
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.0[0], self.0[1])
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0[0] == self.0[1] { self.0[0].serialize(s) } else { self.0.serialize(s) }
    }
}

/// Reads what is either a pair or one word.
pub(super) struct PairOr<T> {
    pub pair: fn(Pair) -> T,
    pub word: Option<(&'static str, T)>,
}

impl<'de, T> Visitor<'de> for PairOr<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.word {
            Some((word, _)) => write!(f, "a whole number, [rows, columns] or \"{word}\""),
            None => f.write_str("a whole number or [rows, columns]"),
        }
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<T, E> {
        match usize::try_from(n) {
            Ok(n) => Ok((self.pair)(Pair([n, n]))),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(n), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        match self.word {
            Some((word, value)) if word == text => Ok(value),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let mut next = |i| seq.next_element()?.ok_or_else(|| de::Error::invalid_length(i, &self));
        Ok((self.pair)(Pair([next(0)?, next(1)?])))
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(PairOr { pair: |pair| pair, word: None })
    }
}
