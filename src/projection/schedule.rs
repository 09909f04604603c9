//! Cooling: parameters of a projection that move over training.
//!
//! ```text
//! addnorm:0.3->0          addnorm:0.3 to 0          stuck:0.1->0,0.05          stochm:0.5->1 cosine
//! ```

use std::f64::consts::PI;

use super::Projection;
use crate::error::{Error, Result};

/// Between the two values of a parameter.
const ARROW: &str = "->";

/// How the parameters of a projection move from those that it begins with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The projection at the end of training: the same kind.
    pub end: Projection,
    /// Along half a period of a cosine; else along a line.
    pub cosine: bool,
}

impl Schedule {
    /// The projection when the part `done` of training is over, from 0 to 1: each parameter is
    /// left * start + (1 - left) * end, with left = 1 - done, or (1 + cos(pi done)) / 2.
    pub fn at(&self, start: &Projection, done: f64) -> Projection {
        let left = if self.cosine { (1.0 + (PI * done).cos()) / 2.0 } else { 1.0 - done };
        let between = |from: f32, to: f32| {
            let value = (left * f64::from(from) + (1.0 - left) * f64::from(to)) as f32;
            // A device may hold no smaller ones.
            if value.is_normal() { value } else { 0.0 }
        };
        Projection {
            p0: between(start.p0, self.end.p0),
            p1: between(start.p1, self.end.p1),
            p2: between(start.p2, self.end.p2),
            ..*start
        }
    }
}

/// Parses `NAME:PARAMETERS`, where a parameter may be `A->B`, and ` cosine` may follow; `value` parses what does not move.
///
/// # Errors
/// As `value`, for both ends.
pub(super) fn parse(text: &str, value: impl Fn(&str) -> Result<Projection>) -> Result<(Projection, Option<Schedule>)> {
    let bad = |message: &str| Err(Error::Invalid(format!("projection \"{text}\": {message}")));
    let (moving, cosine) = text.strip_suffix(" cosine").map_or((text, false), |moving| (moving, true));
    if !moving.contains(ARROW) {
        return match cosine {
            true => bad("\"cosine\" is the way from one value to another; write them, e.g. addnorm:0.3->0 cosine"),
            false => Ok((value(text)?, None)),
        };
    }
    let Some((name, parameters)) = moving.split_once(':') else {
        return bad("a parameter may move over training, e.g. addnorm:0.3->0, but not the projection itself");
    };
    let end = |last: bool| {
        let one = |parameter: &str| match parameter.split_once(ARROW) {
            Some((from, to)) => if last { to } else { from }.to_owned(),
            None => parameter.to_owned(),
        };
        value(&format!("{name}:{}", parameters.split(',').map(one).collect::<Vec<_>>().join(",")))
    };
    Ok((end(false)?, Some(Schedule { end: end(true)?, cosine })))
}

/// The text behind the colon, as it is parsed.
pub(super) fn show(start: &Projection, schedule: &Schedule) -> String {
    let ends = [start, &schedule.end];
    let count = ends.map(|end| end.parameters(1).split(',').count()).into_iter().max().unwrap_or(1);
    let [from, to] = ends.map(|end| end.parameters(count));
    let parameter = |(i, (from, to)): (usize, (&str, &str))| match from == to && (i > 0 || *start != schedule.end) {
        true => from.to_owned(),
        false => format!("{from}{ARROW}{to}"),
    };
    let parameters: Vec<String> = from.split(',').zip(to.split(',')).enumerate().map(parameter).collect();
    format!("{}{}", parameters.join(","), if schedule.cosine { " cosine" } else { "" })
}

/// The text with every `A to B` and `A -> B` as `A->B`: the same where a shell takes `>` for itself.
pub(super) fn with_arrows(text: &str) -> String {
    text.replace(" to ", ARROW).replace(" ->", ARROW).replace("-> ", ARROW)
}
