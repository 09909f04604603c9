//! How long a reproduction will take: the images that go through a network, and how fast this adapter takes them.

use std::fmt;
use std::iter::Sum;
use std::sync::Arc;

use crate::error::Result;
use crate::gpu::Device;
use crate::model::preset::Preset;
use crate::profile::measure::{Pass, Request, Stepper};
use crate::session;

/// Images that go through a network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// In training steps.
    pub trained: f64,
    /// In forward passes.
    pub tested: f64,
}

impl Work {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Work::default()
    }

    /// The same so many times.
    pub fn times(self, n: f64) -> Work {
        Work { trained: self.trained * n, tested: self.tested * n }
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Work>>(works: I) -> Work {
        works.fold(Work::default(), |a, b| Work { trained: a.trained + b.trained, tested: a.tested + b.tested })
    }
}

/// Images per second.
pub struct Rates {
    trained: f64,
    tested: f64,
}

impl Rates {
    /// Time for some work.
    pub fn seconds(&self, work: &Work) -> f64 {
        work.trained / self.trained + work.tested / self.tested
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rates { trained, tested } = self;
        write!(f, "{trained:.0} images/s in training and {tested:.0} in tests, measured just now for a few steps")
    }
}

/// Measures a few steps of a preset.
///
/// # Errors
/// A network that does not fit the images; what the device reports.
pub fn rates(device: &Arc<Device>, preset: &Preset, input: [usize; 3]) -> Result<Rates> {
    let network = Arc::new(session::network_for(preset, input)?);
    let rate = |pass: Pass| -> Result<f64> {
        let weights = network.initial_weights(preset.seed);
        let step = Request::step(network.clone(), weights, preset.seed);
        let request = Request { pass, eval_batch: preset.eval_batch(), ..step };
        let images = request.batch() as f64;
        let plan = request.plan(&device.target)?;
        let mut stepper = Stepper::start(device.clone(), request, plan)?;
        stepper.prepare()?;
        stepper.run_and_wait()?;
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            best = best.min(stepper.run_and_wait()?);
        }
        Ok(images / best * 1e3)
    };
    Ok(Rates { trained: rate(Pass::Step)?, tested: rate(Pass::Eval)? })
}

/// Seconds in words.
pub fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0 => format!("{} s", seconds.ceil().max(1.0)),
        1..100 => format!("{minutes} min"),
        100..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} days", (minutes as f64 / 1440.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_divided_by_rates_is_time_in_words() {
        let rates = Rates { trained: 100.0, tested: 1000.0 };
        let work: Work = [Work { trained: 6000.0, tested: 0.0 }, Work { trained: 0.0, tested: 500.0 }.times(120.0)]
            .into_iter()
            .sum();
        assert_eq!(rates.seconds(&work), 120.0);
        let words = [0.2, 59.0, 120.0, 5970.0, 6060.0, 400_000.0].map(duration);
        assert_eq!(words, ["1 s", "1 min", "2 min", "1 h 40 min", "1 h 41 min", "5 days"].map(String::from));
    }
}
