//! A standard normal number from one random word by inversion: the twin of `shaders/common/normal.wgsl`.
//!
//! The top bit of the word is the sign, the next 23 with the lowest set make the tail probability p = r 2^-24 in
//! (0, 1/2). L = -log2 p comes from the exponent of f32(r) and a polynomial in its mantissa; the quantile
//! z(L) = -Phi^-1(2^-L) is smooth in L, so three polynomials of degree 7 over L in (1, 3), [3, 9) and [9, 24] suffice:
//! Chebyshev interpolation in f64 at 4000 nodes, |error| 5.2e-6 over all words in f32, |z| at most 5.29. Only products
//! and sums occur, so adapters that do not fuse them give the bits of this function, and the others differ by rounding.

/// log2(m) for m in [1, 2) in powers of m - 1.5, lowest first.
const LOG2: [f32; 8] =
    [0.5849628, 0.961796, -0.32063234, 0.14252637, -0.07058968, 0.03746294, -0.025123203, 0.014778721];

/// z(L) in powers of L minus the middle, lowest first, for each range of L.
const QUANTILE: [(f32, [f32; 8]); 3] = [
    (2.0, [0.6744928, 0.5453039, -0.08880048, 0.025851592, -0.008497373, 0.003119648, -0.002016845, 0.00089879456]),
    (
        6.0,
        [2.1538785, 0.27613133, -0.013597228, 0.0012652696, -0.00013570584, 1.6356385e-5, -3.4497812e-6, 5.079571e-7],
    ),
    (16.5, [4.2478933, 0.1553282, -0.0025895077, 8.418509e-5, -3.2703158e-6, 1.4264879e-7, -9.633228e-9, 5.034123e-10]),
];

fn polynomial(c: &[f32; 8], x: f32) -> f32 {
    c[..7].iter().rev().fold(c[7], |sum, &c| sum * x + c)
}

/// The normal number that belongs to a random word.
pub fn normal(x: u32) -> f32 {
    let r = (((x >> 8) & 0x7f_ffff) | 1) as f32;
    let mantissa = f32::from_bits((r.to_bits() & 0x7f_ffff) | 0x3f80_0000);
    let l = (151 - (r.to_bits() >> 23)) as f32 - polynomial(&LOG2, mantissa - 1.5);
    let (middle, c) = &QUANTILE[usize::from(l >= 3.0) + usize::from(l >= 9.0)];
    let z = polynomial(c, l - middle);
    if x >> 31 == 1 { -z } else { z }
}
