//! What several draws of one distortion say together.

use super::Score;

/// The scores of a distortion, one for each draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// The distortion as it is written, with the number of draws where it is not 1: `addnorm:0.3 x8`.
    pub distortion: String,
    /// At least one.
    pub scores: Vec<Score>,
}

/// Mean and spread of one number over the draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the draws (divided by one less than their number), where there are several.
    pub deviation: Option<f64>,
    /// The largest.
    pub most: f64,
}

impl Draws {
    /// Test error, per cent.
    pub fn error(&self) -> Spread {
        self.spread(|s| s.error)
    }

    /// Loss.
    pub fn loss(&self) -> Spread {
        self.spread(|s| s.loss)
    }

    /// Top-5 error, per cent, where there is one.
    pub fn top5_error(&self) -> Option<Spread> {
        self.scores[0].top5_error.map(|_| self.spread(|s| s.top5_error.unwrap_or_default()))
    }

    /// What a table says where the network read its weights as bits.
    pub fn from_bits(&self) -> &'static str {
        if self.scores.iter().all(|s| s.from_bits) { "  from bits" } else { "" }
    }

    fn spread(&self, of: impl Fn(&Score) -> f64) -> Spread {
        let values: Vec<f64> = self.scores.iter().map(of).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Spread { mean, deviation, most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_draws_is_mean_sample_deviation_and_worst() {
        let score = |error: f64| Score {
            distortion: "addnorm:1".into(),
            loss: 2.0 * error,
            error,
            top5_error: None,
            from_bits: false,
        };
        let draws = |errors: &[f64]| Draws {
            distortion: format!("addnorm:1 x{}", errors.len()),
            scores: errors.iter().map(|e| score(*e)).collect(),
        };
        let error = draws(&[2.0, 4.0, 9.0]).error();
        assert_eq!((error.mean, error.deviation, error.most), (5.0, Some(13f64.sqrt()), 9.0));
        assert_eq!(draws(&[3.0]).loss(), Spread { mean: 6.0, deviation: None, most: 6.0 });
        assert_eq!(draws(&[3.0]).top5_error(), None);
    }
}
