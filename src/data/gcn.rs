//! Global contrast normalisation, the first half of the preprocessing of Goodfellow et al. 2013 (Maxout Networks) that
//! Merolla et al. 2016 take over: `global_contrast_normalize(scale=55, use_std=False, sqrt_bias=0)` of pylearn2.

/// Below this norm an image is constant, and stays zero instead of becoming amplified rounding error.
const SMALLEST_DIVISOR: f64 = 1e-8;

/// Takes from `image` its mean and scales it to the Euclidean norm `scale`: x <- (x - mean) / (|x - mean| / scale).
///
/// In f64, because the mean and the norm are sums over thousands of values of one sign. A constant image becomes zero.
pub fn gcn(image: &mut [f64], scale: f64) {
    let mean = image.iter().sum::<f64>() / image.len() as f64;
    image.iter_mut().for_each(|x| *x -= mean);
    let divisor = image.iter().map(|x| x * x).sum::<f64>().sqrt() / scale;
    if divisor >= SMALLEST_DIVISOR {
        image.iter_mut().for_each(|x| *x /= divisor);
    }
}
