//! Ratios of medians between two sides that were measured in turn, or one after the other.

use serde::Serialize;

use super::Entry;
use crate::profile::quartiles;

/// One thing, measured on two sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// What was measured.
    pub name: String,
    /// Median here.
    pub here: f64,
    /// Median there.
    pub there: f64,
    /// The other side's median as a multiple of ours.
    pub ratio: f64,
    /// Half the distance between the quartiles of the ratio.
    pub spread: f64,
    /// Rounds in which the sides took turns; 1 where one was measured before.
    pub rounds: usize,
}

impl Ratio {
    /// Of two lists of values, one of each round: the spread is that of the rounds' own ratios.
    pub fn of_rounds(name: &str, here: &[f64], there: &[f64]) -> Ratio {
        let median = |v: &[f64]| quartiles(v.iter().copied())[1];
        let [low, _, high] = quartiles(here.iter().zip(there).map(|(h, t)| divide(*t, *h)));
        let (h, t) = (median(here), median(there));
        let rounds = here.len().min(there.len());
        Ratio { name: name.into(), here: h, there: t, ratio: divide(t, h), spread: (high - low) / 2.0, rounds }
    }

    /// Of two entries: the spread follows from their quartiles.
    pub fn of_entries(here: &Entry, there: &Entry) -> Ratio {
        let (h, t) = (here.times(), there.times());
        let relative = |q: [f64; 3]| divide(q[2] - q[0], 2.0 * q[1]);
        let ratio = divide(t[1], h[1]);
        let spread = ratio * relative(h).hypot(relative(t));
        Ratio { name: here.name.clone(), here: h[1], there: t[1], ratio, spread, rounds: 1 }
    }
}

fn divide(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// Compares what both lists have, in the order of ours.
pub fn entries(here: &[Entry], there: &[Entry]) -> Vec<Ratio> {
    let other = |e: &Entry| there.iter().find(|t| t.key() == e.key());
    here.iter().filter_map(|e| Some(Ratio::of_entries(e, other(e)?))).collect()
}

/// Compares rounds of both sides, each a whole list, by what all of them have.
pub fn rounds(here: &[Vec<Entry>], there: &[Vec<Entry>]) -> Vec<Ratio> {
    let Some(first) = here.first() else { return vec![] };
    let times = |side: &[Vec<Entry>], key: &str| -> Option<Vec<f64>> {
        side.iter().map(|round| Some(round.iter().find(|e| e.key() == key)?.times()[1])).collect()
    };
    let ratio = |e: &Entry| Some(Ratio::of_rounds(&e.name, &times(here, &e.key())?, &times(there, &e.key())?));
    first.iter().filter_map(ratio).collect()
}

/// The ratios of times for people: above 1, this side is the faster.
pub fn table(ratios: &[Ratio], there: &str) -> String {
    let mut out = format!("times of {there} as multiples of ours (above 1: ours is faster)\n");
    for r in ratios {
        out +=
            &format!("{:>8.3} +- {:<6.3} {:>12.1} us / {:<12.1} us  {}\n", r.ratio, r.spread, r.there, r.here, r.name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    #[test]
    fn a_ratio_is_one_of_medians_and_its_spread_that_of_the_rounds() {
        let r = Ratio::of_rounds("x", &[1.0, 2.0, 4.0], &[3.0, 4.0, 8.0]);
        assert_eq!((r.here, r.there, r.ratio, r.rounds), (2.0, 4.0, 2.0, 3));
        // The rounds' ratios are 3, 2, 2: quartiles 2 and 2.5.
        assert_eq!(r.spread, 0.25);
    }

    #[test]
    fn only_what_both_sides_have_is_compared() {
        let (a, b) = (vec![entry("a", 1.0), entry("b", 2.0)], vec![entry("b", 6.0), entry("c", 1.0)]);
        let found = entries(&a, &b);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].ratio, found[0].spread), ("b", 3.0, 0.0));
        let found = rounds(&[a.clone(), a], &[b.clone(), b]);
        assert_eq!((found.len(), found[0].ratio, found[0].rounds), (1, 3.0, 2));
        assert!(rounds(&[], &[]).is_empty());
    }
}
