//! A user's own projection: the text of its function in WGSL, and what its twin needs of it as plain data.

use std::fmt;
use std::sync::Arc;

use super::program::{Inputs, Outcome, Program};
use super::{Context, PROJECTIONS, Statistic};
use crate::error::{Error, Result};
use crate::philox;

/// How it is written.
pub const SYNTAX: &str = "FILE.wgsl:P0,P1,P2";

/// What it computes, in a line.
pub const DOC: &str = "a function of your own in WGSL, of up to three numbers (models/README.md)";

/// The first kind of such; the position among those of an expression goes on from here.
pub const FIRST: u32 = PROJECTIONS.len() as u32;

/// Different ones in an expression, at most: each has a bit of a word that says which kinds a plan is compiled for.
pub const MOST: u32 = 32 - FIRST;

/// The projections of a plan by their kinds.
pub type Owns = Vec<(u32, Arc<Source>)>;

/// A projection from a file, as an expression names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// The file, as it is written.
    pub name: String,
    /// What was read of it; none before it is.
    pub source: Option<Arc<Source>>,
}

impl fmt::Display for Own {
    /// Quoted where the name holds what an expression takes for something else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let special = |c: char| c.is_whitespace() || ":+,'\"".contains(c);
        let quote = if self.name.contains('\'') { '"' } else { '\'' };
        match self.name.contains(special) || !self.name.ends_with(".wgsl") {
            true => write!(f, "{quote}{}{quote}", self.name),
            false => write!(f, "{}", self.name),
        }
    }
}

/// What was read of a file.
#[derive(Debug)]
pub struct Source {
    /// The function alone, every line in its place; comments are blanks.
    pub function: String,
    /// Where its name stands in it, in bytes.
    pub name: std::ops::Range<usize>,
    /// Bit n: whether it reads draw n ([`Context::draw`]).
    pub draws: u32,
    /// What it takes for alpha.
    pub statistic: Statistic,
    /// Its twin, or why there is none.
    pub program: std::result::Result<Program, String>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        self.function == other.function && self.statistic == other.statistic
    }
}

impl Source {
    /// The function under another name.
    pub fn renamed(&self, name: &str) -> String {
        let mut text = self.function.clone();
        text.replace_range(self.name.clone(), name);
        text
    }

    /// The projected values of four consecutive weights, and the scales of their errors; without a twin 0 and a scale that lets
    /// every finite number pass.
    pub fn twin(&self, w: [f32; 4], alpha: [f32; 4], c: &Context) -> [(f32, f64); 4] {
        let found = self.program.as_ref().ok().and_then(|program| program.run(w, &inputs(alpha, c)).ok());
        match found {
            Some(Outcome { value, error, .. }) => {
                // The budget is 2 ulp, 2^-22, of the scale.
                std::array::from_fn(|lane| (value[lane], error[lane] * 2f64.powi(22)))
            }
            None => [(0.0, 1e60); 4],
        }
    }

    /// Tries it with the parameters `p` on weights of all sorts, of tensors of zeros too: what it makes of them must be finite.
    /// Nothing is tried where there is no twin.
    ///
    /// # Errors
    /// The first value that is not, with the weight and the line that made it; a loop that does not end.
    pub fn probe(&self, file: &str, p: [f32; 3]) -> Result<()> {
        let Ok(program) = &self.program else { return Ok(()) };
        for alpha in [0.0, 1e-20, 0.25, 1.0, 1e4] {
            let sizes = [0.0, 1e-30, 1e-6, 0.1, 0.25, 0.4999, 0.5, 0.75, 0.999, 1.0];
            for (i, pair) in sizes.windows(2).enumerate() {
                let w = [pair[0], -pair[0], pair[1], -pair[1]].map(|share| share * alpha);
                for step in 0..4 {
                    let c = Context {
                        alpha,
                        quantile: 0.5 * alpha,
                        beta_u: 0.5,
                        p,
                        seed: 1,
                        step,
                        layer: i as u32,
                        first_draw: 0,
                        element: 0,
                    };
                    let at = |line: u32, what: String| Err(Error::format(format!("{file}:{line}"), what));
                    let Outcome { value, line, .. } = match program.run(w, &inputs([alpha; 4], &c)) {
                        Ok(outcome) => outcome,
                        Err(line) => return at(line, "this loop does not end".into()),
                    };
                    if let Some(lane) = value.iter().position(|v| !v.is_finite()) {
                        let what = format!(
                            "of w = {} with alpha = {alpha} and the parameters {}, {}, {} the projection makes {}; this line \
                             gave the first value that is not finite. Every projected weight must be finite: guard the case, \
                             e.g. by select",
                            w[lane], p[0], p[1], p[2], value[lane]
                        );
                        return at(line, what);
                    }
                }
            }
        }
        Ok(())
    }
}

fn inputs(alpha: [f32; 4], c: &Context) -> Inputs {
    let words = |number| std::array::from_fn(|lane| Context { element: c.element + lane, ..*c }.draw(number));
    let uniform = |number| words(number).map(philox::uniform01);
    Inputs {
        alpha,
        quantile: c.quantile,
        beta_u: c.beta_u,
        p: c.p,
        uniform: [uniform(0), uniform(1), uniform(2)],
        word: words(3),
    }
}
