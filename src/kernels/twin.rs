//! What a twin sees: the arguments of one dispatch as f64 (or u32) arrays.

use std::sync::Arc;

use half::f16;

use crate::plan::{Params, Step};
use crate::projection::own::Source;

/// An f64 array with, per element, the scale of its rounding error: S, the sum of the magnitudes of the terms that
/// were added up (|a_1 b_1| + |a_2 b_2| + ...).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scalars {
    /// Values.
    pub value: Vec<f64>,
    /// Scales; equal in length to `value`.
    pub scale: Vec<f64>,
}

impl Scalars {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Scalars { value: vec![0.0; len], scale: vec![0.0; len] }
    }

    /// Adds one term to element `i`.
    pub fn add(&mut self, i: usize, term: f64) {
        self.value[i] += term;
        self.scale[i] += term.abs();
    }

    /// Sets element `i` to a value whose error scale is `scale`.
    pub fn set(&mut self, i: usize, value: f64, scale: f64) {
        self.value[i] = value;
        self.scale[i] = scale;
    }
}

impl From<Vec<f64>> for Scalars {
    /// Values whose scale is their own magnitude.
    fn from(value: Vec<f64>) -> Self {
        let scale = value.iter().map(|v| v.abs()).collect();
        Scalars { value, scale }
    }
}

/// The 16-bit float nearest to a number.
pub fn nearest_half(v: f64) -> f64 {
    f16::from_f64(v).to_f64()
}

/// The distance between neighbours among the 16-bit floats of a magnitude.
pub fn half_step(magnitude: f64) -> f64 {
    // 11 bits, and multiples of 2^-24 below 2^-14.
    2f64.powf(magnitude.log2().floor().max(-14.0) - 10.0)
}

/// Content of an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// f32 buffers, held in f64.
    F(Scalars),
    /// u32 buffers.
    U(Vec<u32>),
}

/// The arguments of one dispatch. A twin reads inputs with [`Io::f`] and [`Io::u`], and puts outputs whole.
pub struct Io<'a> {
    /// The constants.
    pub params: &'a Params,
    /// Users' own projections.
    pub own: &'a [(u32, Arc<Source>)],
    args: Vec<(&'static str, Values)>,
    halves: Vec<&'static str>,
}

impl<'a> Io<'a> {
    /// Arguments in the order of the signature, and which of them hold 16-bit floats.
    pub fn new(params: &'a Params, args: Vec<(&'static str, Values)>, halves: Vec<&'static str>) -> Self {
        Io { params, own: &[], args, halves }
    }

    /// The same with users' own projections.
    pub fn with_own(self, own: &'a [(u32, Arc<Source>)]) -> Self {
        Io { own, ..self }
    }

    /// What a kernel that writes `values` to an f32 argument finds when it reads them back: themselves, or where the argument
    /// holds 16-bit floats these, with the error of one rounding more.
    pub fn stored(&self, name: &str, values: &Scalars) -> Scalars {
        if !self.halves.contains(&name) {
            return values.clone();
        }
        let both = values.value.iter().zip(&values.scale);
        // A budget allows 8 u of the scale.
        let scale = both.map(|(v, s)| s + half_step(v.abs()) * 2f64.powi(21)).collect();
        Scalars { value: values.value.iter().map(|v| nearest_half(*v)).collect(), scale }
    }

    /// Whether there is an argument of this name: optional ones may be missing.
    pub fn has(&self, name: &str) -> bool {
        self.args.iter().any(|(n, _)| *n == name)
    }

    fn arg(&self, name: &str) -> &Values {
        &self.args.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("twin reads no argument `{name}`")).1
    }

    /// An f32 argument's values.
    ///
    /// # Panics
    /// If there is none of that name and type: a bug of the twin.
    pub fn f(&self, name: &str) -> &[f64] {
        match self.arg(name) {
            Values::F(s) => &s.value,
            Values::U(_) => panic!("argument `{name}` is u32"),
        }
    }

    /// A u32 argument's values. Panics as [`Io::f`].
    pub fn u(&self, name: &str) -> &[u32] {
        match self.arg(name) {
            Values::U(v) => v,
            Values::F(_) => panic!("argument `{name}` is f32"),
        }
    }

    /// The step block.
    pub fn step(&self) -> Step {
        Step::from_words(self.u("step").try_into().expect("the step block has 16 words"))
    }

    /// Number of elements of an argument.
    pub fn len(&self, name: &str) -> usize {
        match self.arg(name) {
            Values::F(s) => s.value.len(),
            Values::U(v) => v.len(),
        }
    }

    /// Replaces an f32 argument.
    ///
    /// # Panics
    /// If the length differs: a bug of the twin.
    pub fn put(&mut self, name: &str, values: impl Into<Scalars>) {
        let values = values.into();
        assert_eq!(values.value.len(), self.len(name), "twin puts `{name}`");
        self.set(name, Values::F(values));
    }

    /// Replaces a u32 argument. Panics as [`Io::put`].
    pub fn put_u(&mut self, name: &str, values: Vec<u32>) {
        assert_eq!(values.len(), self.len(name), "twin puts `{name}`");
        self.set(name, Values::U(values));
    }

    fn set(&mut self, name: &str, values: Values) {
        let slot = self.args.iter_mut().find(|(n, _)| *n == name).expect("checked by len");
        slot.1 = values;
    }

    /// The arguments after the twin ran.
    pub fn into_args(self) -> Vec<(&'static str, Values)> {
        self.args
    }
}

/// What is known of the terms of a sum, which decides how their rounding errors add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Of zero mean.
    Mixed,
    /// They may all have one sign, so that the sum grows and with it its rounding errors.
    OneSign,
    /// Of one sign and few different values, as of 16-bit floats of a narrow range: equal terms have equal rounding errors,
    /// which do not average out. Half of the terms is the bound that holds in any case: |error| <= (K / 2) u S.
    Alike,
}

/// How far a variant's output may lie from the twin's. u32 outputs are always exact.
#[derive(Clone, Copy)]
pub enum Budget {
    /// Same bits (of the f32 nearest to the twin's value; +0 and -0 are equal).
    Exact,
    /// `|got - ref| <= c u S`, u = 2^-24, S the twin's scale, c = 8 for zero-mean terms, 8 + sqrt(K) for terms of
    /// one sign and 8 + K / 2 for such of few values ([`Terms`]); the function gives K, the number of terms, from the constants.
    Sum(fn(&Params) -> usize),
    /// `|got - ref| <= n ulp` of the twin's scale.
    Ulps(u32),
}

impl Budget {
    /// Largest allowed |got - ref| for an element whose twin has the scale `scale`.
    pub fn tolerance(self, params: &Params, scale: f64, sign: Terms) -> f64 {
        let u = f64::from(f32::EPSILON) / 2.0;
        // Results below the smallest normal f32 may be flushed to zero.
        let tiny = f64::from(f32::MIN_POSITIVE);
        match self {
            Budget::Exact => 0.0,
            Budget::Sum(of) => {
                let terms = of(params) as f64;
                let c = match sign {
                    Terms::Mixed => 8.0,
                    Terms::OneSign => 8.0 + terms.sqrt(),
                    Terms::Alike => 8.0 + terms / 2.0,
                };
                c * u * scale + tiny
            }
            Budget::Ulps(n) => f64::from(n) * 2.0 * u * scale + tiny,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_among_16_bit_floats_are_one_step_apart() {
        for v in [1.0, 1.5, 2.0, 65_000.0, 6.2e-5, 6.0e-5, 1e-7, 0.0] {
            let (here, step) = (nearest_half(v), half_step(v));
            assert!((here - v).abs() <= step / 2.0, "{v}");
            assert_eq!(nearest_half(here + step) - here, step, "{v}");
        }
    }
}
