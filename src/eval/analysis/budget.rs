//! How much of a distortion a network stands: the noise budget of a chip that is to run it.

use std::fmt;
use std::str::FromStr;

use super::search::{Found, Range};
use super::{Budget, Specimen, Trials};
use crate::error::{Error, Result};
use crate::projection::Projection;
use crate::projection::distortion::Distortion;

/// Stands for the parameter.
const HOLE: char = '@';

/// Kinds whose parameter has a harmless end, where it is in the text, and the range from there: name, harmless, harmful,
/// whole numbers.
const RANGES: &[(&str, f64, f64, bool)] = &[
    ("addnorm", 0.0, 1.0, false),
    ("multunif", 1.0, 0.05, false),
    ("bitflip", 0.0, 0.5, false),
    ("stuck", 0.0, 0.5, false),
    ("prune", 0.0, 0.99, false),
    ("drift", 0.0, 1.0, false),
    ("quant", 8.0, 1.0, true),
];

/// Distortions that differ in one number: `addnorm:@`, `stuck:@,0.05`, `sign+addnorm:@`.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The distortion with `@` for the number.
    template: String,
    /// Which numbers.
    pub range: Range,
}

/// The test error that a network may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Per cent: `15%`.
    Error(f64),
    /// Points above the error without distortion: `+2`.
    Over(f64),
}

impl Family {
    /// Reads a distortion with `@` for its number; the name of a projection with one parameter stands for itself with
    /// that parameter: `addnorm`. The range is `range`, harmless end first, or that of the projection before `@`.
    ///
    /// # Errors
    /// No `@` or two; a projection whose range must be given; an end of the range that the projection refuses.
    pub fn parse(text: &str, range: Option<(f64, f64)>) -> Result<Self> {
        let bad = |message: &str| Error::Invalid(format!("budget \"{text}\": {message}"));
        let template = match text.matches(HOLE).count() {
            0 if text.contains(':') => {
                return Err(bad("write @ in the place of the number to look for, e.g. addnorm:@ or stuck:@,0.05"));
            }
            0 => format!("{text}:{HOLE}"),
            1 => text.to_owned(),
            _ => return Err(bad("one number can be looked for at a time: write @ once")),
        };
        let before = &template[..template.find(HOLE).unwrap_or(0)];
        let name = before.rsplit_once(':').map_or("", |(before, _)| word_at_end(before));
        let row = RANGES.iter().find(|row| row.0 == name);
        let whole = row.is_some_and(|row| row.3);
        let (harmless, harmful) = match (range, row) {
            (Some(ends), _) => ends,
            (None, Some(row)) => (row.1, row.2),
            (None, None) => {
                // An unknown projection is the likelier mistake: say so first.
                Distortion::parse(&template.replace(HOLE, "0.5"))?;
                let known: Vec<&str> = RANGES.iter().map(|row| row.0).collect();
                let message =
                    format!("give its range, harmless end first; without one I know that of {}", known.join(", "));
                return Err(bad(&message));
            }
        };
        if whole && (harmless.fract() != 0.0 || harmful.fract() != 0.0) {
            return Err(bad(&format!("{name} takes whole numbers, and the range is {harmless} to {harmful}")));
        }
        let range = if whole { Range::whole(harmless, harmful) } else { Range::new(harmless, harmful) };
        range.check().map_err(|e| bad(&e.to_string()))?;
        let family = Family { template, range };
        // All numbers between the ends are sound if the ends are.
        family.at(harmless)?;
        family.at(harmful)?;
        Ok(family)
    }

    /// Reads families separated by commas. A comma before a number or `@` goes on with the parameters of a projection:
    /// `addnorm,stuck:@,0.05` are two.
    ///
    /// # Errors
    /// As [`Family::parse`].
    pub fn parse_list(text: &str, range: Option<(f64, f64)>) -> Result<Vec<Self>> {
        let mut items: Vec<String> = vec![];
        for part in text.split(',').map(str::trim) {
            match items.last_mut() {
                Some(last) if part.starts_with(|c: char| c == HOLE || c.is_ascii_digit() || c == '.') => {
                    *last = format!("{last},{part}");
                }
                _ => items.push(part.to_owned()),
            }
        }
        items.iter().map(|item| Self::parse(item, range)).collect()
    }

    /// The member with this number.
    ///
    /// # Errors
    /// A number that the projection refuses.
    pub fn at(&self, parameter: f64) -> Result<Distortion> {
        // As f32 it is what the projection computes with, and short.
        Distortion::parse(&self.template.replace(HOLE, &(parameter as f32).to_string()))
    }
}

/// The name that ends a text: of `conv1:addnorm`, `addnorm`.
fn word_at_end(text: &str) -> &str {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '-';
    &text[text.trim_end_matches(part_of_name).len()..]
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.template.strip_suffix(":@").filter(|name| !name.contains([':', '+', ' ']));
        f.write_str(plain.unwrap_or(&self.template))
    }
}

impl FromStr for Bound {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite() && (0.0..=100.0).contains(v));
        let bound = match text.trim().strip_prefix('+') {
            Some(points) => number(points).map(Bound::Over),
            None => text.trim().strip_suffix('%').and_then(number).map(Bound::Error),
        };
        bound.ok_or_else(|| {
            Error::Invalid(format!(
                "bound \"{text}\": write an error in per cent, 15%, or points over that without distortion, +2"
            ))
        })
    }
}

/// The strongest distortion of a family with which the mean test error stays within `bound`, by bisection to the
/// tolerance of its range. Every member meets the same draws. None if the trials were stopped.
///
/// # Errors
/// As [`Trials::error`].
pub fn budget(specimen: &mut Specimen, trials: &mut Trials, family: &Family, bound: Bound) -> Result<Option<Budget>> {
    let Some(none_error) = trials.error(specimen, &Distortion::from(Projection::NONE))? else { return Ok(None) };
    let bound_error = match bound {
        Bound::Error(error) => error,
        Bound::Over(points) => none_error + points,
    };
    let found = family.range.search(bound_error, |p| trials.error(specimen, &family.at(p)?))?;
    let Some(Found { outcome, parameter, error, within }) = found else { return Ok(None) };
    let at = family.at(parameter.unwrap_or(family.range.harmless))?;
    let measured = trials.measured(specimen, &at);
    let bits = match parameter {
        Some(_) => specimen.bits(&[Distortion { draws: measured.draws, ..at }])?[0].bits,
        None => None,
    };
    Ok(Some(Budget {
        distortion: family.to_string(),
        bound_error,
        none_error,
        parameter,
        error,
        bits,
        outcome,
        tolerance: within,
        range: [family.range.harmless, family.range.harmful],
        measured,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, range: Option<(f64, f64)>) -> String {
        Family::parse(text, range).unwrap_err().to_string()
    }

    #[test]
    fn a_family_is_a_name_or_a_distortion_with_a_hole() {
        for (text, shown, member) in [
            ("addnorm", "addnorm", "addnorm:0.25"),
            ("addnorm:@", "addnorm", "addnorm:0.25"),
            ("conv1:addnorm:@", "conv1:addnorm:@", "conv1:addnorm:0.25"),
            ("sign+addnorm:@", "sign+addnorm:@", "sign+addnorm:0.25"),
        ] {
            let family = Family::parse(text, None).unwrap();
            assert_eq!(family.range, Range::new(0.0, 1.0), "{text}");
            assert_eq!(
                (family.to_string().as_str(), family.at(0.25).unwrap()),
                (shown, Distortion::parse(member).unwrap())
            );
        }
        assert_eq!(Family::parse("power", Some((1.0, 2.0))).unwrap().range, Range::new(1.0, 2.0));
    }

    #[test]
    fn commas_separate_families_and_parameters() {
        let shown = |text: &str| -> Vec<String> {
            Family::parse_list(text, None).unwrap().iter().map(Family::to_string).collect()
        };
        assert_eq!(shown("addnorm, multunif"), ["addnorm", "multunif"]);
        assert_eq!(shown("stuck:@,0.05,bitflip,stuck:0.1,@"), ["stuck:@,0.05", "bitflip", "stuck:0.1,@"]);
    }

    #[test]
    fn what_cannot_be_searched_is_refused_with_what_to_write() {
        assert!(refused("addnorm:0.3", None).contains("@"));
        assert!(refused("power:@..@", None).contains("once"));
        assert!(refused("power", None).contains("range"));
        assert!(refused("adnorm", None).contains("\"addnorm\""));
        assert!(refused("multunif", Some((1.0, 0.0))).contains("multunif:0"));
        assert!(refused("addnorm", Some((0.5, 0.5))).contains("two different numbers"));
        assert!(refused("sign", Some((0.0, 1.0))).contains("no parameter"));
    }

    #[test]
    fn a_bound_is_an_error_or_so_many_points_more() {
        assert_eq!("15%".parse::<Bound>().unwrap(), Bound::Error(15.0));
        assert_eq!("+2".parse::<Bound>().unwrap(), Bound::Over(2.0));
        assert_eq!(" +0.5 ".parse::<Bound>().unwrap(), Bound::Over(0.5));
        for bad in ["15", "", "+", "-2", "%", "101%", "+nan"] {
            assert!(bad.parse::<Bound>().unwrap_err().to_string().contains("15%"), "{bad}");
        }
    }
}
