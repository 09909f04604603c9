//! Sums over weights and activities, in f64.

/// Second moments of weights and of the noise that a distortion adds to them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Energy {
    /// Mean of w^2.
    pub weights: f64,
    /// Mean of (p - w)^2.
    pub noise: f64,
}

impl Energy {
    /// Those of weights `w` and what became of them, in units of `alpha` squared. Zeros of no weight, or where alpha is 0.
    pub fn of(w: &[f32], p: &[f32], alpha: f32) -> Self {
        let per = |sum: f64| if alpha == 0.0 { 0.0 } else { sum / w.len() as f64 / f64::from(alpha).powi(2) };
        Energy {
            weights: per(w.iter().map(|&w| f64::from(w).powi(2)).sum()),
            noise: per(w.iter().zip(p).map(|(&w, &p)| (f64::from(p) - f64::from(w)).powi(2)).sum()),
        }
    }

    /// The mean of some moments, each with its weight.
    pub fn mean(parts: impl IntoIterator<Item = (f64, Energy)>) -> Self {
        let (mut sum, mut total) = (Energy::default(), 0.0);
        for (weight, part) in parts {
            sum.weights += weight * part.weights;
            sum.noise += weight * part.noise;
            total += weight;
        }
        if total > 0.0 { Energy { weights: sum.weights / total, noise: sum.noise / total } } else { sum }
    }

    /// Effective bits per weight, 0.5 log2(1 + Qw / Qn) (Merolla et al. 2016): the capacity of a Gaussian channel that
    /// carries the weights. None where there is no noise, and so no bound.
    pub fn bits(&self) -> Option<f64> {
        (self.noise != 0.0).then(|| 0.5 * (1.0 + self.weights / self.noise).log2())
    }
}

/// max |w|.
pub fn alpha(w: &[f32]) -> f32 {
    w.iter().fold(0.0, |a, w| a.max(w.abs()))
}

/// Mean |w - p|.
pub fn distance(w: &[f32], p: &[f32]) -> f64 {
    w.iter().zip(p).map(|(&w, &p)| (f64::from(w) - f64::from(p)).abs()).sum::<f64>() / w.len() as f64
}

/// Pearson's correlation coefficient; none where either side is constant, or not finite.
pub fn pearson(x: &[f32], y: &[f32]) -> Option<f64> {
    let mean = |v: &[f32]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (f64::from(x) - mx, f64::from(y) - my);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let r = xy / (xx * yy).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Bins of a histogram of values in units of alpha: equally wide, one of them around 0 and one around each of +-1.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// One more than there are bins.
    pub edges: Vec<f64>,
    /// Values in each; the outermost take what lies beyond. Values that are not finite are counted with the outermost.
    pub counts: Vec<u64>,
}

impl Bins {
    /// Bins from 0 to 1, not counting half of the one around 0 and half of the one around 1.
    pub const PER_ALPHA: i64 = 40;
    /// Bins reach this many alpha, at most.
    const FARTHEST: i64 = 10;

    /// Counts `values` / `alpha`. The bins reach from -1 to 1, or as far as the values do.
    pub fn count(values: &[f32], alpha: f32) -> Self {
        // Everything of a layer of zeros stands in the middle.
        let scale = if alpha == 0.0 { 0.0 } else { Self::PER_ALPHA as f64 / f64::from(alpha) };
        // A cast from f64 takes the nearest that i64 holds, and 0 for NaN.
        let bin = |v: f32| (f64::from(v) * scale).round() as i64;
        let farthest = values.iter().map(|&v| bin(v).saturating_abs()).max().unwrap_or(0);
        let half = farthest.clamp(Self::PER_ALPHA, Self::PER_ALPHA * Self::FARTHEST);
        let mut counts = vec![0; 2 * half as usize + 1];
        for &v in values {
            counts[(bin(v).clamp(-half, half) + half) as usize] += 1;
        }
        let edges = (-half..=half + 1).map(|i| (i as f64 - 0.5) / Self::PER_ALPHA as f64).collect();
        Bins { edges, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform in [-1, 1].
    fn uniform(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((2 * i + 1) as f64 / n as f64 - 1.0) as f32).collect()
    }

    #[test]
    fn the_papers_check_value_holds() {
        // Merolla et al. 2016: sigma 0.55 is 0.68 bits, with Qw = 0.474 alpha^2.
        let bits = Energy { weights: 0.474, noise: 0.55 * 0.55 }.bits().unwrap();
        assert!((bits - 0.68).abs() < 0.0005, "{bits}");
    }

    #[test]
    fn bits_do_not_depend_on_the_scale_of_the_weights() {
        // Sign turns uniform weights into +-alpha: Qw = 1/3, and Qn = mean (1 - |w|)^2 = 1/3 as well: half a bit.
        for alpha in [1.0, 0.125f32] {
            let w: Vec<f32> = uniform(10_000).iter().map(|w| w * alpha).collect();
            let p: Vec<f32> = w.iter().map(|w| alpha.copysign(*w)).collect();
            let m = Energy::of(&w, &p, alpha);
            assert!((m.weights - 1.0 / 3.0).abs() < 1e-6 && (m.noise - 1.0 / 3.0).abs() < 1e-6, "{m:?}");
            assert!((m.bits().unwrap() - 0.5).abs() < 1e-6);
        }
    }

    #[test]
    fn no_noise_has_no_bound_and_no_weight_has_no_bits() {
        let w = [0.5, -1.0];
        assert_eq!(Energy::of(&w, &w, 1.0).bits(), None);
        assert_eq!(Energy { weights: 0.0, noise: 1.0 }.bits(), Some(0.0));
        assert_eq!(Energy::of(&[0.0; 3], &[0.0; 3], 0.0), Energy::default());
    }

    #[test]
    fn layers_count_by_their_weights() {
        let (a, b) = (Energy { weights: 1.0, noise: 0.5 }, Energy { weights: 4.0, noise: 0.0 });
        assert_eq!(Energy::mean([(2.0, a), (1.0, b)]), Energy { weights: 2.0, noise: 1.0 / 3.0 });
        assert_eq!(Energy::mean([]), Energy::default());
    }

    #[test]
    fn pearson_is_that_of_the_textbook() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(pearson(&x, &x), Some(1.0));
        assert_eq!(pearson(&x, &x.map(|x| 7.0 - 2.0 * x)), Some(-1.0));
        // By hand: sums of products about the means 4, of squares 5 and 5.
        let r = pearson(&x, &[2.0, 1.0, 4.0, 3.0]).unwrap();
        assert!((r - 0.6).abs() < 1e-12, "{r}");
        assert_eq!(pearson(&x, &[1.0; 4]), None);
        assert_eq!(pearson(&x, &[1.0, f32::NAN, 1.0, 2.0]), None);
    }

    #[test]
    fn bins_have_zero_and_alpha_in_their_middle_and_count_everything() {
        let b = Bins::count(&[0.0, -0.0, 0.5, -0.5, 0.4999, 0.25, 7.0, f32::INFINITY], 0.5);
        assert_eq!(b.counts.iter().sum::<u64>(), 8);
        assert_eq!(b.edges.len(), b.counts.len() + 1);
        let at = |value: f64| {
            let i = b.edges.partition_point(|e| *e <= value) - 1;
            assert!((b.edges[i] + b.edges[i + 1] - 2.0 * value).abs() < 1e-9, "{value} is the middle of its bin");
            b.counts[i]
        };
        // 7 and infinity lie beyond 10 alpha.
        assert_eq!([at(0.0), at(1.0), at(-1.0), at(0.5), at(10.0)], [2, 2, 1, 1, 2]);
        let narrow = Bins::count(&uniform(1000), 1.0);
        assert_eq!(narrow.counts.len() as i64, 2 * Bins::PER_ALPHA + 1);
        assert_eq!(Bins::count(&[0.0; 5], 0.0).counts[Bins::PER_ALPHA as usize], 5);
    }
}
