//! A part of a list of jobs: what one of several processes does of it. Every process divides the list alike, by the costs of
//! its jobs alone, so none needs to know of the others.

use std::fmt;
use std::str::FromStr;

/// Parts of a list, at most.
const MOST: usize = 100_000;

/// Part `number` of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1 to `of`.
    number: usize,
    /// Parts in all.
    of: usize,
}

impl Part {
    /// Which of the jobs with these costs are of this part. The dearest job goes first, each to the part with the least cost so
    /// far; among equals the earlier job goes first, and to the earlier part. No part gets more than 4/3 of what the best
    /// division would give the largest (Graham, Bounds on multiprocessing timing anomalies, 1969).
    pub fn takes(self, costs: &[u128]) -> Vec<bool> {
        let mut order: Vec<usize> = (0..costs.len()).collect();
        order.sort_by_key(|&job| std::cmp::Reverse(costs[job]));
        let (mut loads, mut takes) = (vec![0; self.of], vec![false; costs.len()]);
        for job in order {
            let least = (0..self.of).min_by_key(|&part| loads[part]).expect("there is a part");
            loads[least] += costs[job];
            takes[job] = least + 1 == self.number;
        }
        takes
    }

    /// What is put into the name of a file: `part-1-of-4`.
    pub fn label(self) -> String {
        format!("part-{}-of-{}", self.number, self.of)
    }

    /// The part of this [label](Part::label).
    pub fn of_label(text: &str) -> Option<Part> {
        let (number, of) = text.strip_prefix("part-")?.split_once("-of-")?;
        format!("{number}/{of}").parse().ok().filter(|part: &Part| part.label() == text)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let number = |text: &str| text.parse().ok().filter(|n| (1..=MOST).contains(n));
        let part = text.split_once('/').and_then(|(i, n)| Some(Part { number: number(i)?, of: number(n)? }));
        part.filter(|p| p.number <= p.of).ok_or_else(|| "write I/N, I from 1 to N, e.g. 1/4".into())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(costs: &[u128], of: usize) -> Vec<usize> {
        let takes: Vec<_> = (1..=of).map(|number| Part { number, of }.takes(costs)).collect();
        let one = |job: usize| {
            let of: Vec<usize> = (0..of).filter(|&part| takes[part][job]).collect();
            assert_eq!(of.len(), 1, "job {job} is done once");
            of[0] + 1
        };
        (0..costs.len()).map(one).collect()
    }

    #[test]
    fn the_dearest_jobs_go_first_to_the_part_with_the_least() {
        assert_eq!(parts(&[1, 1, 1, 1, 1], 2), [1, 2, 1, 2, 1]);
        // 7 to the first, 6 and 5 to the others; 4 to the third, 3 to the second; 2 to the first.
        assert_eq!(parts(&[2, 7, 3, 6, 4, 5], 3), [1, 1, 2, 2, 3, 3]);
        assert_eq!(parts(&[5], 3), [1]);
        assert_eq!(parts(&[], 2), [0usize; 0]);
    }

    #[test]
    fn a_part_is_written_as_it_is_read() {
        for text in ["1/1", "3/12"] {
            let part: Part = text.parse().unwrap();
            assert_eq!((part.to_string().as_str(), Part::of_label(&part.label())), (text, Some(part)));
        }
        for text in ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/1000000"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
        for text in ["part-1-of-0", "part-01-of-2", "part-1", "1-of-2"] {
            assert_eq!(Part::of_label(text), None, "{text}");
        }
    }
}
