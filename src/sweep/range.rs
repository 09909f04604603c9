//! Which points a sweep consists of: ranges of a projection's parameter, lists of distortions, and draws of each.

use crate::error::{Error, Result};
use crate::projection::distortion::Distortion;

/// Draws of a distortion that is random and does not say how many.
pub const DRAWS: u32 = 4;
/// Values of a range, at most: more is a slip of the keyboard.
const MOST: f64 = 1000.0;

/// Values of a parameter, from one end to the other, in either direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The first value.
    pub from: f64,
    /// The last value, if a whole number of steps leads there.
    pub to: f64,
    /// The distance between two values.
    pub step: f64,
}

impl Range {
    /// Parses `LO:HI:STEP`, or `LO:HI` with the step `step`; a single number is a range of one. The sign of the step is
    /// that of the direction, whether it is written or not.
    ///
    /// # Errors
    /// Anything else; a step of 0; more than a thousand values. The text names `option`.
    pub fn parse(option: &str, text: &str, step: f64) -> Result<Range> {
        let bad = |why: String| {
            Error::Invalid(format!("{option} {text}: {why}; write LO:HI or LO:HI:STEP, e.g. 0:1:0.05 or 1:0.1:-0.05"))
        };
        let numbers: Vec<f64> = text
            .split(':')
            .map(|t| t.trim().parse().ok().filter(|v: &f64| v.is_finite()).ok_or(t))
            .collect::<std::result::Result<_, _>>()
            .map_err(|t| bad(format!("\"{t}\" is no finite number")))?;
        let (from, to, step) = match numbers[..] {
            [only] => (only, only, step),
            [from, to] => (from, to, step),
            [from, to, step] => (from, to, step),
            _ => return Err(bad(format!("{} numbers", numbers.len()))),
        };
        let range = Range { from, to, step };
        if step == 0.0 {
            return Err(bad("a step of 0 leads nowhere".into()));
        }
        if range.steps() >= MOST {
            return Err(bad(format!("that is {} values, more than {MOST}", range.steps() + 1.0)));
        }
        Ok(range)
    }

    /// Whole steps in the range.
    fn steps(&self) -> f64 {
        ((self.to - self.from).abs() / self.step.abs() + 1e-6).floor()
    }

    /// The values in order.
    pub fn values(&self) -> Vec<f64> {
        let step = self.step.abs().copysign(self.to - self.from);
        // Nine digits of the step, so that 0.05 * 3 is 0.15; the first is as it was given. No zero is negative.
        let unit = 10f64.powi(9 - step.abs().log10().floor() as i32);
        let round = |v: f64| if unit.is_finite() { (v * unit).round() / unit } else { v };
        let value = |i: usize| if i == 0 { self.from } else { round(self.from + i as f64 * step) };
        (0..=self.steps() as usize).map(|i| value(i) + 0.0).collect()
    }

    /// The projection of this name at each of the values.
    ///
    /// # Errors
    /// A value that the projection does not allow, or a name that does not exist; the text names `option`.
    pub fn distortions(&self, option: &str, projection: &str) -> Result<Vec<Distortion>> {
        let one = |v: f64| {
            Distortion::parse(&format!("{projection}:{v}")).map_err(|e| Error::Invalid(format!("{option}: {e}")))
        };
        self.values().into_iter().map(one).collect()
    }
}

/// Every distortion once, with its number of draws: its own, else `draws` if it is random, else one. Of two that are the
/// same the first gives the place, the larger number the draws.
pub fn points(distortions: &[Distortion], draws: u32) -> Vec<(Distortion, u32)> {
    let mut all: Vec<(Distortion, u32)> = vec![];
    for d in distortions {
        let draws = match (d.is_random(), d.draws) {
            (false, _) => 1,
            (true, 1) => draws,
            (true, own) => own,
        };
        let single = d.single_draw();
        match all.iter_mut().find(|(other, _)| *other == single) {
            Some((_, most)) => *most = draws.max(*most),
            None => all.push((single, draws)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        Range::parse("--addnorm", text, 0.05).unwrap().values()
    }

    #[test]
    fn ranges_run_in_either_direction_and_hold_both_ends() {
        let sigma = values("0:1:0.05");
        assert_eq!((sigma.len(), sigma[3], sigma[20]), (21, 0.15, 1.0));
        let gamma = values("1:0.1");
        assert_eq!((gamma.len(), gamma[1], gamma[18]), (19, 0.95, 0.1));
        assert_eq!(values("1:0.1:-0.05"), gamma);
        assert_eq!(values("1:0:-0.25"), [1.0, 0.75, 0.5, 0.25, 0.0]);
        assert!(values("1:0:0.1")[10].is_sign_positive());
        assert_eq!(values("0.3"), [0.3]);
        assert_eq!(values("1e-12"), [1e-12]);
        assert_eq!(values("0:3e-12:1e-12"), [0.0, 1e-12, 2e-12, 3e-12]);
        // The end is left out where no whole number of steps leads there.
        assert_eq!(values("0:1:0.3"), [0.0, 0.3, 0.6, 0.9]);
    }

    #[test]
    fn what_is_no_range_is_refused_by_its_option() {
        for (text, why) in [
            ("0:x", "\"x\" is no finite number"),
            ("", "\"\" is no finite number"),
            ("0:inf", "\"inf\" is no finite number"),
            ("0:1:0", "a step of 0"),
            ("0:1:1e-9", "1000000001 values"),
            ("0:1:1:1", "4 numbers"),
        ] {
            let e = Range::parse("--addnorm", text, 0.05).unwrap_err().to_string();
            assert!(e.starts_with(&format!("--addnorm {text}: ")) && e.contains(why), "{e}");
        }
        let range = Range::parse("--multunif", "1:-1:0.5", 0.05).unwrap();
        let e = range.distortions("--multunif 1:-1:0.5", "multunif").unwrap_err().to_string();
        assert!(e.starts_with("--multunif 1:-1:0.5: ") && e.contains("above 0"), "{e}");
    }

    #[test]
    fn a_distortion_stands_once_with_the_larger_number_of_draws() {
        let list = Distortion::parse_list("none,addnorm:0.3 x2,sign,addnorm:0.3,addnorm:0.5 x8,none").unwrap();
        let got: Vec<(String, u32)> = points(&list, 4).iter().map(|(d, n)| (d.to_string(), *n)).collect();
        let want = [("none", 1), ("addnorm:0.3", 4), ("sign", 1), ("addnorm:0.5", 8)];
        assert_eq!(got, want.map(|(d, n)| (d.to_owned(), n)));
    }
}
