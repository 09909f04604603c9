//! Test cases: a small plan around one kernel with the data of its inputs. The same table serves the tests and
//! `check` on a user's adapter, which compare with the twin and run all a second time for the same bits, and `bench`.

use std::sync::Arc;

use crate::error::Result;
use crate::philox;
use crate::plan::{Builder, Elem, Plan, Role, Step, Target, View};

/// Values of an input.
#[derive(Clone, Debug)]
pub enum Fill {
    /// Integers in -k..=k: products and sums stay exact in f32, so every variant must give the same bits.
    Integers(u32),
    /// Uniform in [-a, a].
    Uniform(f32),
    /// Uniform in [lo, hi].
    Range(f32, f32),
    /// These values.
    Values(Vec<f32>),
}

impl Fill {
    /// `len` values; a pure function of the fill, the name of the array and the length.
    pub fn values(&self, name: &str, len: usize) -> Vec<f32> {
        let tag = name.bytes().fold(2_166_136_261u32, |h, b| (h ^ u32::from(b)).wrapping_mul(16_777_619));
        let word = |i: usize| philox::philox4x32([i as u32 / 4, tag, 0, 0], [0x7e57, 0xda7a])[i % 4];
        match self {
            Fill::Integers(k) => (0..len).map(|i| (word(i) % (2 * k + 1)) as f32 - *k as f32).collect(),
            Fill::Uniform(a) => (0..len).map(|i| (2.0 * philox::uniform01(word(i)) - 1.0) * a).collect(),
            Fill::Range(lo, hi) => (0..len).map(|i| lo + philox::uniform01(word(i)) * (hi - lo)).collect(),
            Fill::Values(v) => {
                assert_eq!(v.len(), len, "values of {name}");
                v.clone()
            }
        }
    }
}

/// Words before and after each output that must stay untouched.
pub const GUARD: usize = 64;

/// Builds the plan of a case and the data of its inputs.
pub struct CaseBuilder {
    /// The plan so far.
    pub b: Builder,
    exact: bool,
    halves: Vec<String>,
    data: Vec<(String, Vec<u32>)>,
}

impl CaseBuilder {
    fn filled(&mut self, name: &str, elem: Elem, shape: &[usize], role: Role, inner: Vec<u32>, pad: u32) -> View {
        let half = elem == Elem::F32 && self.halves.iter().any(|h| h == name);
        let elem = if half { Elem::F16 } else { elem };
        // Guards on both sides, the first as long as the alignment, so that every inner view starts aligned.
        let guard = GUARD * 4 / elem.bytes();
        let whole = self.b.buffer(name, elem, &[inner.len() + 2 * guard], role);
        let mut bits = vec![pad; guard];
        bits.extend_from_slice(&inner);
        bits.resize(whole.len, pad);
        self.data.push((name.into(), bits));
        let view = whole.slice(guard..guard + inner.len());
        debug_assert_eq!(shape.iter().product::<usize>(), inner.len());
        view
    }

    /// An f32 input of the given shape. Its surroundings are NaN: a read outside shows.
    pub fn input(&mut self, name: &str, shape: &[usize], fill: &Fill) -> View {
        let bits = fill.values(name, shape.iter().product()).into_iter().map(f32::to_bits).collect();
        self.filled(name, Elem::F32, shape, Role::State, bits, f32::NAN.to_bits())
    }

    /// An f32 input that fits the case: small integers where it is exact, else uniform in [-1, 1].
    pub fn operand(&mut self, name: &str, shape: &[usize]) -> View {
        let fill = if self.exact { Fill::Integers(4) } else { Fill::Uniform(1.0) };
        self.input(name, shape, &fill)
    }

    /// The weights of a convolution, as [`CaseBuilder::operand`]; where the target says that they are 0 or + - one magnitude,
    /// such: 3 in exact cases, else a number with as many bits as f32 has.
    pub fn weights(&mut self, name: &str, shape: &[usize]) -> View {
        if !self.b.target.ternary {
            return self.operand(name, shape);
        }
        let magnitude = if self.exact { 3.0 } else { 0.123_456_79 };
        let signs = Fill::Integers(1).values(name, shape.iter().product());
        self.input(name, shape, &Fill::Values(signs.into_iter().map(|s| s * magnitude).collect()))
    }

    /// Whether every variant must be exact on the case's inputs.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// A u32 input.
    pub fn words(&mut self, name: &str, words: Vec<u32>) -> View {
        let len = words.len();
        self.filled(name, Elem::U32, &[len], Role::State, words, u32::MAX)
    }

    /// An f32 output, filled with NaN: an element that is not written shows.
    pub fn output(&mut self, name: &str, shape: &[usize]) -> View {
        let len = shape.iter().product();
        self.filled(name, Elem::F32, shape, Role::State, vec![f32::NAN.to_bits(); len], f32::NAN.to_bits())
    }

    /// A u32 output.
    pub fn output_words(&mut self, name: &str, len: usize) -> View {
        self.filled(name, Elem::U32, &[len], Role::State, vec![u32::MAX; len], u32::MAX)
    }

    /// The step block with these values.
    pub fn step(&mut self, step: Step) -> View {
        let view = self.b.step();
        self.data.push(("step".into(), step.words().to_vec()));
        view
    }
}

type Build = dyn Fn(&mut CaseBuilder) -> Result<()> + Send + Sync;

/// One case of one kernel.
#[derive(Clone)]
pub struct Case {
    /// What is special about it; part of the text that selects it.
    pub name: String,
    /// Inputs are integers small enough that every sum is exact: variants must agree with the twin bit for bit.
    pub exact: bool,
    /// Terms of sums may all have one sign.
    pub one_sign: bool,
    /// Variants run the case with every combination of their knobs, other cases with the defaults.
    pub every_knob: bool,
    build: Arc<Build>,
}

/// A case ready to run.
pub struct Built {
    /// The plan.
    pub plan: Plan,
    /// Bits of every buffer by name.
    pub data: Vec<(String, Vec<u32>)>,
}

impl Case {
    /// A case with general inputs, judged by the kernel's budget.
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(&mut CaseBuilder) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Case { name: name.into(), exact: false, one_sign: false, every_knob: false, build: Arc::new(build) }
    }

    /// As [`Case::new`], with inputs on which every variant must be exact.
    pub fn exact(
        name: impl Into<String>,
        build: impl Fn(&mut CaseBuilder) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Case { exact: true, ..Case::new(name, build) }
    }

    /// The same under a name that says what it has besides.
    pub fn with(self, what: &str) -> Self {
        Case { name: format!("{}, {what}", self.name), ..self }
    }

    /// Marks the case as one whose sums may have terms of one sign.
    pub fn one_sign(self) -> Self {
        Case { one_sign: true, ..self }
    }

    /// Marks the case as one that variants run with every combination of their knobs.
    pub fn every_knob(self) -> Self {
        Case { every_knob: true, ..self }
    }

    /// The plan for a target, with the data.
    ///
    /// # Errors
    /// What the record functions refuse, e.g. a forced variant that cannot run the case.
    pub fn build(&self, target: &Target) -> Result<Built> {
        self.build_halves(target, &[])
    }

    /// As [`Case::build`], where the f32 arrays of these names hold 16-bit floats.
    ///
    /// # Errors
    /// As [`Case::build`].
    pub fn build_halves(&self, target: &Target, halves: &[&str]) -> Result<Built> {
        let halves = halves.iter().map(|name| (*name).to_owned()).collect();
        let b = Builder::new(&self.name, target.clone());
        let mut c = CaseBuilder { b, exact: self.exact, halves, data: vec![] };
        (self.build)(&mut c)?;
        Ok(Built { plan: c.b.finish()?, data: c.data })
    }
}
