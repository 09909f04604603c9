//! Test errors of one network under one distortion, over draws, and what makes them comparable.

use super::quote;
use super::read::Run;
use crate::eval::analysis::Measured;
use crate::eval::{Moments, Point};
use crate::ranges::thousands;

/// What a test error is over. Errors over other images, other moments or with other keys of the preset are no points of
/// one curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure<'a> {
    /// Test images; 0 where it is not known.
    pub images: u64,
    /// Training batches for the moments; 0 for a network without batch norm.
    pub moments_batches: u64,
    /// Keys of the preset that were changed for the test.
    pub set: &'a str,
}

impl<'a> Measure<'a> {
    /// Of a point.
    pub fn of(p: &'a Point) -> Self {
        Measure { images: p.images, moments_batches: p.moments_batches, set: &p.set }
    }

    /// Greater for what says more of the network: unchanged, over more images, with better moments.
    fn rank(&self) -> (bool, u64, u64) {
        let batches = if self.moments_batches == 0 { u64::MAX } else { self.moments_batches };
        (self.set.is_empty(), self.images, batches)
    }

    /// Whether errors of two networks can be shown together: a network without batch norm has no moments.
    pub fn is_like(&self, other: &Measure) -> bool {
        let moments = [self.moments_batches, other.moments_batches];
        self.images == other.images && self.set == other.set && (moments.contains(&0) || moments[0] == moments[1])
    }

    /// In words.
    pub fn text(&self) -> String {
        let mut text = match self.images {
            0 => "an unknown number of test images".into(),
            images => format!("{} test images", thousands(images)),
        };
        if self.moments_batches > 0 {
            text += &format!(", {} training batches for the moments", thousands(self.moments_batches));
        }
        if !self.set.is_empty() {
            text += &format!(", with {}", self.set);
        }
        text
    }

    /// What `sweep` is told to measure so.
    pub fn options(&self) -> String {
        let mut text = String::new();
        if self.images > 0 {
            text += &format!(" --images {} --moments-batches {}", self.images, self.moments_batches);
        }
        for change in self.set.split("; ").filter(|s| !s.is_empty()) {
            text += &format!(" --set {}", quote(&change.replacen(" = ", "=", 1)));
        }
        text
    }
}

impl From<&Measured> for Measure<'static> {
    fn from(m: &Measured) -> Self {
        Measure { images: m.images as u64, moments_batches: m.moments_batches as u64, set: "" }
    }
}

/// The measures, those that are alike as one, the most thorough first.
pub fn groups<'a>(measures: impl IntoIterator<Item = Measure<'a>>) -> Vec<Measure<'a>> {
    let mut all = distinct(measures);
    // Those with moments first: one without belongs to the first that is like it.
    all.sort_by_key(|m| (m.moments_batches == 0, std::cmp::Reverse(m.rank())));
    let mut out: Vec<Measure> = vec![];
    for m in all {
        if !out.iter().any(|group| group.is_like(&m)) {
            out.push(m);
        }
    }
    out.sort_by_key(|m| std::cmp::Reverse(m.rank()));
    out
}

/// How the errors of analyses are measured, where not all are measured alike.
pub struct Apart {
    groups: Vec<Measure<'static>>,
    several: bool,
    moments: Vec<Moments>,
}

impl Apart {
    /// Of all errors that are shown together.
    pub fn of<'a>(all: impl Iterator<Item = &'a Measured>) -> Self {
        let all: Vec<&Measured> = all.collect();
        let groups = groups(all.iter().map(|m| Measure::from(*m)));
        let moments = distinct(all.iter().map(|m| m.moments));
        Apart { several: groups.len() > 1 || moments.len() > 1, groups, moments }
    }

    /// What to add to the title of an error: nothing where all are alike.
    pub fn text(&self, m: &Measured) -> String {
        let own = Measure::from(m);
        match self.several {
            false => String::new(),
            true => {
                let group = self.groups.iter().find(|g| g.is_like(&own)).unwrap_or(&own);
                let trained = if m.moments == Moments::Trained { ", moments as trained" } else { "" };
                format!(" ({}{trained})", group.text())
            }
        }
    }

    /// What `analyze` is told to measure so; nothing where it takes several calls.
    pub fn options(&self) -> String {
        match (self.several, self.groups.first()) {
            (false, Some(one)) => {
                let trained = if self.moments == [Moments::Trained] { " --moments trained" } else { "" };
                one.options() + trained
            }
            _ => String::new(),
        }
    }
}

/// Mean and spread over draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats<'a> {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of a draw (n - 1); 0 for one draw.
    pub deviation: f64,
    /// Least.
    pub least: f64,
    /// Greatest: the worst draw.
    pub worst: f64,
    /// Draws.
    pub draws: usize,
    /// What each draw is over.
    pub measure: Measure<'a>,
}

impl<'a> Stats<'a> {
    /// Of points of one measure; none if there are none.
    fn of(points: &[&'a Point]) -> Option<Stats<'a>> {
        let n = points.len() as f64;
        let mean = points.iter().map(|p| p.error).sum::<f64>() / n;
        let square = points.iter().map(|p| (p.error - mean).powi(2)).sum::<f64>();
        let measure = Measure::of(points.first()?);
        let errors = || points.iter().map(|p| p.error);
        Some(Stats {
            mean,
            deviation: if points.len() > 1 { (square / (n - 1.0)).sqrt() } else { 0.0 },
            least: errors().fold(f64::INFINITY, f64::min),
            worst: errors().fold(f64::NEG_INFINITY, f64::max),
            draws: points.len(),
            measure,
        })
    }
}

/// The error of a run under a distortion by one measure.
pub fn error_by<'a>(run: &'a Run, distortion: &str, moments: Moments, measure: &Measure) -> Option<Stats<'a>> {
    let own = |p: &&Point| p.distortion == distortion && p.moments == moments && Measure::of(p) == *measure;
    Stats::of(&run.points.iter().filter(own).collect::<Vec<_>>())
}

/// The error of a run under a distortion by the most thorough measure that there is.
pub fn error<'a>(run: &'a Run, distortion: &str, moments: Moments) -> Option<Stats<'a>> {
    measures(run, moments).iter().find_map(|m| error_by(run, distortion, moments, m))
}

/// The measures of the points of a run, the most thorough first.
pub fn measures(run: &Run, moments: Moments) -> Vec<Measure<'_>> {
    let mut all = distinct(run.points.iter().filter(|p| p.moments == moments).map(Measure::of));
    all.sort_by_key(|m| std::cmp::Reverse(m.rank()));
    all
}

/// The distortions of all runs, each once, in the order of the files.
pub fn distortions(runs: &[Run]) -> Vec<&str> {
    distinct(runs.iter().flat_map(|r| &r.points).map(|p| p.distortion.as_str()))
}

/// The different values of something, in the order in which they come.
pub fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut out: Vec<T> = vec![];
    for v in values {
        if !out.contains(&v) {
            out.push(v);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_alike_is_one_group_and_a_network_without_moments_joins_it() {
        let m = |images, moments_batches, set| Measure { images, moments_batches, set };
        let all = [m(20, 5, ""), m(360, 0, ""), m(360, 5, ""), m(360, 5, "batch = 7"), m(360, 2, ""), m(360, 5, "")];
        assert_eq!(groups(all), [m(360, 5, ""), m(360, 2, ""), m(20, 5, ""), m(360, 5, "batch = 7")]);
        assert_eq!(groups([m(360, 0, "")]), [m(360, 0, "")]);
        assert_eq!(
            m(1360, 5, "batch = 7").text(),
            "1,360 test images, 5 training batches for the moments, with batch = 7"
        );
        assert_eq!(
            m(20, 0, "a = \"b\"; c = 1").options(),
            " --images 20 --moments-batches 0 --set 'a=\"b\"' --set c=1"
        );
        assert_eq!(m(0, 0, "").options(), "");
    }
}
