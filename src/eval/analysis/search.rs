//! Where an error crosses a bound: bisection.

use super::Outcome;
use crate::error::{Error, Result};

/// The parameters that a search looks through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The end with the least distortion.
    pub harmless: f64,
    /// The end with the most.
    pub harmful: f64,
    /// The search ends when the parameter is known within this distance.
    pub tolerance: f64,
    /// Whether only whole numbers are parameters; a tolerance below 1 is then 1.
    pub whole: bool,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// How it ended.
    pub outcome: Outcome,
    /// The parameter nearest to the harmful end that met the bound.
    pub parameter: Option<f64>,
    /// The error there; at the harmless end if none met the bound.
    pub error: f64,
    /// Distance to a parameter that exceeded the bound; 0 if all or none did.
    pub within: f64,
}

impl Range {
    /// Steps of bisection from both ends to the tolerance, as a part of the range: one in 64.
    const PARTS: f64 = 64.0;

    /// From `harmless` to `harmful`, known to a 64th of it.
    pub fn new(harmless: f64, harmful: f64) -> Self {
        Range { harmless, harmful, tolerance: (harmful - harmless).abs() / Self::PARTS, whole: false }
    }

    /// Whole numbers only.
    pub fn whole(harmless: f64, harmful: f64) -> Self {
        Range { harmless, harmful, tolerance: 1.0, whole: true }
    }

    /// That it has two ends, and a tolerance that f32 can tell apart.
    ///
    /// # Errors
    /// What is wrong, and what may be.
    pub fn check(&self) -> Result<()> {
        let width = (self.harmful - self.harmless).abs();
        if !(width.is_finite() && width > 0.0) {
            let (a, b) = (self.harmless, self.harmful);
            return Err(Error::Invalid(format!("a range from {a} to {b}: give two different numbers")));
        }
        let largest = self.harmless.abs().max(self.harmful.abs());
        let least = (largest * 4.0 * f64::from(f32::EPSILON)).max(4.0 * f64::from(f32::MIN_POSITIVE));
        if !(self.tolerance >= least) {
            return Err(Error::Invalid(format!(
                "a tolerance of {} in a range from {} to {}: give at least {least:e}",
                self.tolerance, self.harmless, self.harmful
            )));
        }
        Ok(())
    }

    /// What the search comes down to: no less than the distance of two parameters.
    fn step(&self) -> f64 {
        if self.whole { self.tolerance.max(1.0) } else { self.tolerance }
    }

    /// Evaluations that a search takes, at most.
    pub fn evaluations(&self) -> usize {
        2 + ((self.harmful - self.harmless).abs() / self.step()).log2().ceil().max(0.0) as usize
    }

    /// The parameter nearest to the harmful end at which `error` is at most `bound`. Where the error is no monotone
    /// function of the parameter it is one of those at which it crosses the bound. None if `error` says that somebody
    /// stopped it.
    ///
    /// # Errors
    /// What `error` returns.
    pub fn search(&self, bound: f64, mut error: impl FnMut(f64) -> Result<Option<f64>>) -> Result<Option<Found>> {
        let Some(first) = error(self.harmless)? else { return Ok(None) };
        // A NaN meets no bound.
        let meets = |e: f64| e <= bound;
        if !meets(first) {
            return Ok(Some(Found { outcome: Outcome::NeverMet, parameter: None, error: first, within: 0.0 }));
        }
        let Some(last) = error(self.harmful)? else { return Ok(None) };
        if meets(last) {
            let parameter = Some(self.harmful);
            return Ok(Some(Found { outcome: Outcome::NeverExceeded, parameter, error: last, within: 0.0 }));
        }
        let (mut good, mut bad, mut at_good) = (self.harmless, self.harmful, first);
        while (bad - good).abs() > self.step() {
            let middle = match self.whole {
                true => good + ((bad - good) / 2.0).trunc(),
                false => good + (bad - good) / 2.0,
            };
            let Some(e) = error(middle)? else { return Ok(None) };
            if meets(e) {
                (good, at_good) = (middle, e);
            } else {
                bad = middle;
            }
        }
        let within = (bad - good).abs();
        Ok(Some(Found { outcome: Outcome::Crossed, parameter: Some(good), error: at_good, within }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(range: &Range, bound: f64, f: impl Fn(f64) -> f64) -> (Found, usize) {
        let mut calls = 0;
        let mut counted = |p| {
            calls += 1;
            Ok(Some(f(p)))
        };
        let found = range.search(bound, &mut counted).unwrap().unwrap();
        (found, calls)
    }

    #[test]
    fn the_crossing_of_a_rising_function_is_found_within_the_tolerance() {
        let range = Range::new(0.0, 1.0);
        let (found, calls) = search(&range, 20.0, |s| 10.0 + 100.0 * s * s);
        let exact = 0.1f64.sqrt();
        let p = found.parameter.unwrap();
        assert!(p <= exact && exact < p + range.tolerance, "{found:?}");
        assert_eq!((found.outcome, found.error), (Outcome::Crossed, 10.0 + 100.0 * p * p));
        assert_eq!((found.within, calls), (1.0 / 64.0, range.evaluations()));
    }

    #[test]
    fn a_parameter_that_does_harm_as_it_falls_is_searched_downwards() {
        let (found, _) = search(&Range::new(1.0, 0.1), 20.0, |g| 10.0 / g);
        let g = found.parameter.unwrap();
        assert!((0.5..0.5 + 0.9 / 64.0).contains(&g), "{found:?}");
    }

    #[test]
    fn bits_are_whole_numbers() {
        let asked = std::cell::RefCell::new(vec![]);
        let (found, _) = search(&Range::whole(8.0, 1.0), 15.0, |b| {
            asked.borrow_mut().push(b);
            if b >= 3.0 { 10.0 } else { 50.0 }
        });
        assert_eq!((found.parameter, found.within), (Some(3.0), 1.0));
        assert!(asked.borrow().iter().all(|b| b.fract() == 0.0), "{asked:?}");
        let fine = Range { tolerance: 0.01, ..Range::whole(8.0, 1.0) };
        assert_eq!(search(&fine, 15.0, |b| 10.0 * f64::from(b < 3.0) + 10.0).0.parameter, Some(3.0));
    }

    #[test]
    fn a_bound_that_is_never_met_has_no_parameter() {
        for bad in [30.0, f64::NAN] {
            let (found, calls) = search(&Range::new(0.0, 1.0), 20.0, |_| bad);
            assert_eq!((found.outcome, found.parameter, calls), (Outcome::NeverMet, None, 1));
        }
    }

    #[test]
    fn a_bound_that_is_never_exceeded_gives_the_end_of_the_range() {
        let (found, calls) = search(&Range::new(0.0, 1.0), 20.0, |s| 10.0 + s);
        assert_eq!((found.outcome, found.parameter, found.error), (Outcome::NeverExceeded, Some(1.0), 11.0));
        assert_eq!((found.within, calls), (0.0, 2));
    }

    #[test]
    fn an_error_of_exactly_the_bound_meets_it() {
        let (found, _) = search(&Range::new(0.0, 1.0), 20.0, |s| if s <= 0.5 { 20.0 } else { 21.0 });
        assert_eq!(found.parameter, Some(0.5));
    }

    #[test]
    fn a_search_that_is_stopped_says_nothing() {
        assert_eq!(Range::new(0.0, 1.0).search(20.0, |_| Ok(None)).unwrap(), None);
        assert_eq!(Range::new(0.0, 1.0).search(20.0, |s| Ok((s == 0.0).then_some(1.0))).unwrap(), None);
    }

    #[test]
    fn a_range_without_width_or_with_too_fine_a_tolerance_is_refused() {
        Range::new(1.0, 0.05).check().unwrap();
        Range::whole(8.0, 1.0).check().unwrap();
        assert!(Range::new(0.5, 0.5).check().unwrap_err().to_string().contains("two different numbers"));
        assert!(Range::new(0.0, f64::INFINITY).check().is_err());
        let fine = Range { tolerance: 1e-9, ..Range::new(0.0, 1.0) };
        assert!(fine.check().unwrap_err().to_string().contains("at least"));
    }
}
