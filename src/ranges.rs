//! Numbers as people write and read them: the ranges of a preset's values, how one outside is refused, and how counts are
//! shown.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};

/// What is wrong with one key of a preset.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The keys that lead to it, outermost first; `[3]` is the element 3 of an array.
    pub path: Vec<String>,
    /// What is wrong and what to do.
    pub message: String,
}

/// The outcome of a check of ranges.
pub type Check = Result<(), Failure>;

impl Failure {
    /// A failure of the key `path`.
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>, message: impl Into<String>) -> Self {
        Failure { path: path.into_iter().map(Into::into).collect(), message: message.into() }
    }

    /// The same failure, one level further out.
    #[must_use]
    pub fn under(mut self, key: impl Into<String>) -> Self {
        self.path.insert(0, key.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.path.iter().enumerate() {
            let dot = if i == 0 || key.starts_with('[') { "" } else { "." };
            write!(f, "{dot}{key}")?;
        }
        write!(f, "{}{}", if self.path.is_empty() { "" } else { ": " }, self.message)
    }
}

impl std::error::Error for Failure {}

/// Fails unless `ok`. The error names `key` (`a.b` for the key b of a table a) and `value`; `must` says what is allowed.
///
/// # Errors
/// Not `ok`.
pub fn require(ok: bool, key: &str, value: impl fmt::Display, must: &str) -> Check {
    if ok { Ok(()) } else { Err(Failure::new(key.split('.'), format!("{value} is out of range: {must}"))) }
}

/// Whether `x` is a positive normal number of f32; devices may flush smaller ones to 0.
pub fn is_held(x: f64) -> bool {
    x > 0.0 && (x as f32).is_normal()
}

/// The numbers that [`is_held`] allows.
pub const HELD: &str = "give a number above 0 that 32 bits hold, about 1.2e-38 to 3.4e38";

/// Checks that `x` is a number above 0 that the device holds.
///
/// # Errors
/// Another number.
pub fn positive(key: &str, x: f64) -> Check {
    require(is_held(x), key, Number(x), HELD)
}

/// Checks that `x` is 0, or a number above it that the device holds.
///
/// # Errors
/// Another number.
pub fn not_negative(key: &str, x: f64) -> Check {
    let must = "give 0, or a number above it that 32 bits hold, about 1.2e-38 to 3.4e38";
    require(x == 0.0 || is_held(x), key, Number(x), must)
}

/// A number as people write it.
pub struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let x = self.0;
        if x == 0.0 || !x.is_finite() || (1e-6..1e12).contains(&x.abs()) {
            write!(f, "{x}")
        } else {
            write!(f, "{x:e}")
        }
    }
}

/// Reads a number, or a word that switches it off.
pub struct NumberOr {
    /// What stands for "off", for messages.
    pub expecting: &'static str,
    /// Whether `false` (else `"none"`) switches it off.
    pub boolean: bool,
}

impl Visitor<'_> for NumberOr {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Option<f64>, E> {
        Ok(Some(x))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Option<f64>, E> {
        Ok(Some(n as f64))
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Option<f64>, E> {
        if self.boolean && !b { Ok(None) } else { Err(E::invalid_type(Unexpected::Bool(b), &self)) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<f64>, E> {
        if !self.boolean && text == "none" { Ok(None) } else { Err(E::invalid_type(Unexpected::Str(text), &self)) }
    }
}

/// A number, or `false` for `None`.
pub mod number_or_false {
    use serde::de::Deserializer;
    use serde::ser::Serializer;

    use crate::ranges::NumberOr;

    /// Reads one.
    ///
    /// # Errors
    /// Anything else.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
        d.deserialize_any(NumberOr { expecting: "a number or false", boolean: true })
    }

    /// Writes one.
    ///
    /// # Errors
    /// Those of the format.
    pub fn serialize<S: Serializer>(x: &Option<f64>, s: S) -> Result<S::Ok, S::Error> {
        match x {
            Some(x) => s.serialize_f64(*x),
            None => s.serialize_bool(false),
        }
    }
}

/// A count with commas between thousands.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
