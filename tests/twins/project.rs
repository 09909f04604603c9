//! The projections and their random numbers against Table 1 of Merolla et al. 2016, by the host twins.
//!
//! Statistical checks compare a mean over n draws with its expectation in units of its standard deviation. The bound is
//! 6 (false alarm 2e-9 for one check, below 1e-5 for all of this file together); the draws are fixed by their seeds, so
//! the tests never flicker: the rate says how likely a right implementation was to fail when a seed was chosen.

use weightproof::cpu;
use weightproof::kernels::parameters::{Parameters, Tensor};
use weightproof::kernels::project::{Kinds, table};
use weightproof::kernels::{project, quantile, shaders, statistics};
use weightproof::philox;
use weightproof::plan::{Builder, Step, Target};
use weightproof::projection::{HostDraw, PROJECTIONS, Projection, apply_host, beta_draw, normal::normal};

const BOUND: f64 = 6.0;

/// 64 weights evenly from -1 to 1, each 8192 times: alpha is 1.
const LEVELS: usize = 64;
const REPEATS: usize = 8192;

fn level(i: usize) -> f64 {
    f64::from((i as f32 / (LEVELS - 1) as f32) * 2.0 - 1.0)
}

fn project(text: &str, weights: &[f32], draw: HostDraw) -> Vec<f32> {
    apply_host(&Projection::parse(text).unwrap(), &[weights.len(), 1], weights, &draw)
}

/// Projected values of each level.
fn samples(text: &str) -> Vec<Vec<f64>> {
    let weights: Vec<f32> = (0..LEVELS * REPEATS).map(|i| level(i % LEVELS) as f32).collect();
    let out = project(text, &weights, HostDraw { layer: 3, seed: 11, step: 5, ..HostDraw::default() });
    (0..LEVELS).map(|l| out.iter().skip(l).step_by(LEVELS).map(|&v| f64::from(v)).collect()).collect()
}

/// Fails unless the mean of `f` over the samples of every level is `mean(w)`; `variance(w)` is that of one sample.
fn check_means(text: &str, f: impl Fn(f64) -> f64, mean: impl Fn(f64) -> f64, variance: impl Fn(f64) -> f64) {
    for (l, values) in samples(text).iter().enumerate() {
        let w = level(l);
        let got = values.iter().map(|&v| f(v)).sum::<f64>() / REPEATS as f64;
        let deviation = (variance(w).max(0.0) / REPEATS as f64).sqrt();
        let off = (got - mean(w)).abs();
        assert!(off <= BOUND * deviation + 1e-6, "{text} at {w}: mean {got}, want {} +- {deviation}", mean(w));
    }
}

/// k-th moment of U(1/2, 2).
fn moment(k: i32) -> f64 {
    (2f64.powi(k + 1) - 0.5f64.powi(k + 1)) / (f64::from(k + 1) * 1.5)
}

#[test]
fn the_mean_of_stoch_is_the_weight_and_its_square_is_alpha_squared() {
    check_means("stoch", |v| v, |w| w, |w| 1.0 - w * w);
    check_means("stoch", |v| v * v, |_| 1.0, |_| 0.0);
}

#[test]
fn stochm_has_the_mean_and_the_second_moment_of_its_definition() {
    check_means("stochm:0.5", |v| v, |w| 1.25 * w.abs() * w, |w| w * w * (moment(2) - (1.25 * w).powi(2)));
    let spread = moment(4) - moment(2).powi(2);
    check_means("stochm:0.5", |v| v * v, |w| moment(2) * w * w, |w| w.powi(4) * spread);
    check_means("stochm:1", f64::abs, f64::abs, |_| 0.0);
}

#[test]
fn stochm_as_printed_loses_the_sign() {
    // w and -w have one distribution: +|w| with probability (|w| + 1) / 2.
    check_means("stochm-literal:0.5", |v| v, |w| 1.25 * w * w, |w| w * w * (moment(2) - (1.25 * w).powi(2)));
    check_means(
        "stochm-literal:0.5",
        |v| v * v * v,
        |w| moment(3) * w.abs().powi(3) * w.abs(),
        |w| w.powi(6) * (moment(6) - (moment(3) * w).powi(2)),
    );
}

#[test]
fn multunif_has_the_mean_and_the_second_moment_of_a_uniform_factor() {
    check_means("multunif:0.5", |v| v, |w| 1.25 * w, |w| w * w * (moment(2) - moment(1).powi(2)));
    let spread = moment(4) - moment(2).powi(2);
    check_means("multunif:0.5", |v| v * v, |w| moment(2) * w * w, |w| w.powi(4) * spread);
    for values in samples("multunif:0.5").iter().zip(0..).map(|(v, l)| v.iter().map(move |x| x / level(l))) {
        let (lo, hi) = values.fold((9.0, 0.0), |(lo, hi): (f64, f64), r| (lo.min(r), hi.max(r)));
        assert!((0.5 - 1e-6..0.502).contains(&lo) && (1.998..2.0 + 1e-6).contains(&hi), "factors {lo}..{hi}");
    }
}

#[test]
fn addnorm_adds_noise_of_the_stated_deviation() {
    check_means("addnorm:0.55", |v| v, |w| w, |_| 0.55f64.powi(2));
    check_means("addnorm:0.55", |v| v * v, |w| w * w + 0.3025, |w| 2.0 * 0.3025f64.powi(2) + 4.0 * w * w * 0.3025);
    let w = [0.5f32, -0.25, 0.0, 1.0];
    assert_eq!(project("addnorm:0", &w, HostDraw::default()), w);
}

#[test]
fn bitflip_turns_the_stated_share_of_signs_and_nothing_else() {
    check_means("bitflip:0.1", |v| v, |w| 0.8 * w, |w| w * w * 0.36);
    check_means("bitflip:0.1", f64::abs, f64::abs, |_| 0.0);
    let w = [0.5f32, -0.25, 0.0, 1.0];
    assert_eq!(project("bitflip:0", &w, HostDraw::default()), w);
    assert_eq!(project("bitflip:1", &w, HostDraw::default()), w.map(|w| -w));
}

#[test]
fn stuck_weights_are_zero_or_plus_or_minus_alpha_in_the_stated_shares() {
    check_means("stuck:0.2,0.1", |v| v, |w| 0.7 * w, |w| 0.7 * w * w + 0.1 - 0.49 * w * w);
    let is = |value: f64| move |v: f64| f64::from(u8::from(v == value));
    // The outermost of the levels are +-alpha themselves.
    let inner = |w: f64, p: f64, q: f64| if w.abs() == 1.0 { q } else { p };
    check_means("stuck:0.2,0.1", is(0.0), |_| 0.2, |_| 0.16);
    for alpha in [1.0, -1.0] {
        let share = |w: f64| inner(w, 0.05, if w == alpha { 0.75 } else { 0.05 });
        check_means("stuck:0.2,0.1", is(alpha), share, |w| share(w) * (1.0 - share(w)));
    }
    let w = [0.5f32, -0.25, 0.0, 1.0];
    assert_eq!(project("stuck:0,0", &w, HostDraw::default()), w);
    assert_eq!(project("stuck:1,0", &w, HostDraw::default()), [0.0; 4]);
    assert!(project("stuck:0,1", &w, HostDraw::default()).iter().all(|v| v.abs() == 1.0));
}

#[test]
fn drift_scales_by_a_power_of_time_with_a_normal_exponent_for_each_weight() {
    // T^-nu of a normal nu is log-normal; that nu is cut at 0, four deviations below its mean, moves no digit here.
    let (mean, deviation) = (0.06 * 3600f64.ln(), 0.015 * 3600f64.ln());
    let moment = |k: f64| (-k * mean + 0.5 * (k * deviation).powi(2)).exp();
    check_means("drift:0.06,3600", |v| v, |w| w * moment(1.0), |w| w * w * (moment(2.0) - moment(1.0).powi(2)));
    let spread = moment(4.0) - moment(2.0).powi(2);
    check_means("drift:0.06,3600", |v| v * v, |w| w * w * moment(2.0), |w| w.powi(4) * spread);
    let w = [0.5f32, -0.25, 0.0, 1.0];
    for text in ["drift:0.06,1", "drift:0,3600"] {
        assert_eq!(project(text, &w, HostDraw::default()), w);
    }
    // However long it takes, no conductance grows.
    let w: Vec<f32> = (0..100_000).map(|i| (i % 7) as f32 - 3.0).collect();
    let late = project("drift:0.1,1e30", &w, HostDraw::default());
    assert!(w.iter().zip(&late).all(|(w, v)| v.abs() <= w.abs() && v * w >= 0.0));
}

#[test]
fn quant_takes_the_nearest_of_its_levels_and_halves_go_outward() {
    let w: Vec<f32> = (0..=4000).map(|i| (i as f32 - 2000.0) / 2000.0 * 0.7).collect();
    let d = HostDraw::default();
    assert_eq!(project("quant:1", &w, d), project("sign", &w, d));
    assert_eq!(project("quant:2", &w, d), project("round", &w, d));
    for bits in 2..=16 {
        let levels = f64::from((1 << (bits - 1)) - 1);
        let out = project(&format!("quant:{bits}"), &w, d);
        let mut seen: Vec<f32> = out.clone();
        seen.sort_by(f32::total_cmp);
        seen.dedup_by(|a, b| a == b); // both zeros are one level
        assert!(seen.len() as f64 <= 2.0 * levels + 1.0 && (bits > 8 || seen.len() as f64 == 2.0 * levels + 1.0));
        for (&w, &v) in w.iter().zip(&out) {
            let (w, v) = (f64::from(w), f64::from(v));
            let k = v / 0.7f32 as f64 * levels;
            assert!((k - k.round()).abs() <= 1e-6 * levels, "quant:{bits} of {w}: {v} is no level");
            // Nearest but for the rounding of f32, which decides between two levels that are as near.
            assert!((w - v).abs() <= 0.5 * 0.7 / levels + 2e-7, "quant:{bits} of {w}: {v} is not the nearest");
        }
    }
    // alpha 3, so the levels of three bits are the whole numbers, and 0.5, 1.5, 2.5 lie between two.
    let halves = [3.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -0.0];
    assert_eq!(project("quant:3", &halves, d), [3.0, 1.0, 2.0, 3.0, -1.0, -2.0, -3.0, 0.0, 0.0]);
}

#[test]
fn prune_zeroes_the_stated_fraction_of_the_smallest_and_keeps_the_largest() {
    let w: Vec<f32> = (1..=1000).map(|i| ((i * 617) % 1009) as f32 * if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    for (p, count) in [("0", 0), ("0.1", 100), ("0.7", 700), ("0.9996", 999), ("0.9999", 999)] {
        let out = project(&format!("prune:{p}"), &w, HostDraw::default());
        let gone = w.iter().zip(&out).filter(|(_, v)| **v == 0.0).map(|(w, _)| w.abs()).fold(0.0, f32::max);
        let kept = out.iter().filter(|v| **v != 0.0).map(|v| v.abs()).fold(f32::INFINITY, f32::min);
        assert_eq!(out.iter().filter(|v| **v == 0.0).count(), count, "prune:{p}");
        assert!(gone < kept && w.iter().zip(&out).all(|(w, v)| v == w || *v == 0.0), "prune:{p}");
    }
    // Ties at the border stay, and a tensor of one weight.
    assert_eq!(project("prune:0.5", &[1.0, -2.0, 2.0, 2.0], HostDraw::default()), [0.0, -2.0, 2.0, 2.0]);
    assert_eq!(project("prune:0.9", &[-0.5], HostDraw::default()), [-0.5]);
}

#[test]
fn noise_of_0_55_alpha_on_weights_of_second_moment_0_474_leaves_0_68_bits() {
    // A share of saturated weights among uniform ones, as the clip leaves them, tuned to the second moment of A7.
    let n = 1 << 18;
    let saturated = (0.474 - 1.0 / 3.0) / (2.0 / 3.0);
    let weights: Vec<f32> = (0..n)
        .map(|i| {
            let x = (i as f32 + 0.5) / n as f32;
            let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
            sign * if f64::from(x) < saturated { 1.0 } else { ((x as f64 - saturated) / (1.0 - saturated)) as f32 }
        })
        .collect();
    let noisy = project("addnorm:0.55", &weights, HostDraw { seed: 4, ..HostDraw::default() });
    let square = |v: f32| f64::from(v) * f64::from(v);
    let qw = weights.iter().map(|&w| square(w)).sum::<f64>() / f64::from(n);
    let qn = weights.iter().zip(&noisy).map(|(&w, &v)| square(v - w)).sum::<f64>() / f64::from(n);
    let bits = 0.5 * (1.0 + qw / qn).log2();
    assert!((qw - 0.474).abs() < 1e-3 && (bits - 0.68).abs() < 0.01, "Qw {qw}, {bits} bits");
}

#[test]
fn sign_of_both_zeros_is_plus_alpha_and_round_cuts_at_half_of_alpha() {
    let w = [0.0, -0.0, 0.5, -0.5, 0.49999997, -0.49999997, 1.0, -1.0];
    assert_eq!(project("sign", &w, HostDraw::default()), [1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0]);
    assert_eq!(project("round", &w, HostDraw::default()), [0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0]);
    // Three inputs per output: sqrt(2/3), whatever alpha is.
    let he = apply_host(&Projection::parse("he-sign").unwrap(), &[3, 1], &[0.1, -0.0, -9.0], &HostDraw::default());
    let size = (2.0f64 / 3.0).sqrt() as f32;
    assert_eq!(he, [size, size, -size]);
}

#[test]
fn alpha_is_of_each_filter_where_the_projection_says_so() {
    // Three inputs, two filters: 1, 3, -5 and -2, 0, 4.
    let w = [1.0, -2.0, 3.0, 0.0, -5.0, 4.0];
    let of = |text: &str| apply_host(&Projection::parse(text).unwrap(), &[3, 2], &w, &HostDraw::default());
    assert_eq!(of("bwn"), [3.0, -2.0, 3.0, 2.0, -3.0, 2.0]);
    assert_eq!(of("sign:filter"), [5.0, -4.0, 5.0, 4.0, -5.0, 4.0]);
    assert_eq!(of("round:filter"), [0.0, -4.0, 5.0, 0.0, -5.0, 4.0]);
    assert_eq!(of("quant:2,filter"), of("round:filter"));
    assert_eq!(of("quant:1,filter"), of("sign:filter"));
    // A filter of zeros beside others.
    let of = |text: &str| {
        apply_host(&Projection::parse(text).unwrap(), &[2, 2], &[0.0, 3.0, -0.0, -1.0], &HostDraw::default())
    };
    for (text, second) in [
        ("bwn", [2.0, -2.0]),
        ("sign:filter", [3.0, -3.0]),
        ("round:filter", [3.0, 0.0]),
        ("quant:3,filter", [3.0, -1.0]),
    ] {
        assert_eq!(of(text), [0.0, second[0], 0.0, second[1]], "{text}");
    }
}

#[test]
fn power_zero_is_sign_power_one_is_none_and_the_range_follows_the_step() {
    let w: Vec<f32> = (-20..=20).map(|i| i as f32 * 0.037).collect();
    let d = HostDraw::default();
    assert_eq!(project("power:0", &w, d), project("sign", &w, d));
    assert_eq!(project("power:1", &w, d), w);
    for (u, fixed) in [(0.5, "power:1"), (0.25, "power:0.5"), (0.75, "power:1.5")] {
        assert_eq!(project("power:0..2", &w, HostDraw { beta_u: u, ..d }), project(fixed, &w, d));
    }
    let alpha = 0.74f64;
    for (&x, p) in w.iter().zip(project("power:2", &w, d)) {
        let want = f64::from(x) * f64::from(x).abs() / alpha;
        assert!((f64::from(p) - want).abs() <= 1e-6, "{x}: {p}, want {want}");
    }
}

#[test]
fn a_tensor_of_zeros_stays_zero_under_every_projection_that_scales_by_alpha() {
    for text in PROJECTIONS.iter().filter(|k| k.name != "he-sign").flat_map(|k| k.examples) {
        let out = project(text, &[0.0; 9], HostDraw { beta_u: 0.3, ..HostDraw::default() });
        assert!(out.iter().all(|&v| v == 0.0), "{text}: {out:?}");
    }
}

#[test]
fn both_readings_of_stochm3_drop_half_of_their_middle_half_and_nothing_else() {
    // Cubes: three quarters and more lie below alpha / 2, so that the two readings differ.
    let n = 4096;
    let weights: Vec<f32> = (0..n).map(|i| ((i as f32 + 0.5) / n as f32 * 2.0 - 1.0).powi(3)).collect();
    let mut sizes: Vec<f32> = weights.iter().map(|w| w.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    for (text, threshold) in [("stochm3:0.5", 0.5 * sizes[n - 1]), ("stochm3:0.5,quantile", sizes[n / 2])] {
        let mut drops = vec![0; n];
        let steps = 64;
        for step in 0..steps {
            let out = project(text, &weights, HostDraw { step, ..HostDraw::default() });
            drops.iter_mut().zip(&out).for_each(|(d, &v)| *d += i32::from(v == 0.0));
        }
        let middle = weights.iter().filter(|w| w.abs() < threshold).count();
        for (w, &d) in weights.iter().zip(&drops) {
            // An element of the middle that is never dropped in 64 steps has probability 2^-64.
            assert_eq!(d > 0, w.abs() < threshold, "{text}: {w} dropped {d} times");
        }
        if text.ends_with("quantile") {
            // Pairs of equal |w| here: ties at the median stay.
            assert!(middle == n / 2 || middle == n / 2 - 1, "{middle}");
        }
        let (total, draws) = (f64::from(drops.iter().sum::<i32>()), (middle as u64 * steps) as f64);
        assert!((total - 0.5 * draws).abs() <= BOUND * (0.25 * draws).sqrt(), "{text}: {total} of {draws}");
    }
}

#[test]
fn normal_numbers_are_exact_to_1e_5_over_every_word_and_symmetric() {
    // Against the tail Q(z) = erfc(z / sqrt 2) / 2: an error dz moves Q by -phi(z) dz.
    let mut worst = 0.0f64;
    for r in (1..1u32 << 23).step_by(2) {
        let z = f64::from(normal(r << 8));
        let p = f64::from(r) / f64::from(1 << 24);
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        worst = worst.max(((tail(z) - p) / density).abs());
        if r % 4097 == 0 {
            assert_eq!(normal(r << 8 | 1 << 31), -normal(r << 8));
        }
    }
    assert!(worst <= 1e-5, "worst error {worst}");
}

/// Q(z) for z >= 0, in f64: the series of the error function below 3, Laplace's continued fraction above.
fn tail(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z < 3.0 {
        let (mut term, mut sum) = (z, z);
        for k in 1..60 {
            term *= z * z / f64::from(2 * k + 1);
            sum += term;
        }
        0.5 - density * sum
    } else {
        density / (1..=60).rev().fold(z, |below, k| z + f64::from(k) / below)
    }
}

#[test]
fn normal_numbers_have_the_moments_the_tails_and_the_distribution_of_a_gaussian() {
    let n = 1 << 20;
    let key = philox::key(9, philox::stream::PROJECTION);
    let mut z: Vec<f64> =
        (0..n / 4).flat_map(|i| philox::philox4x32([i, 7, 0, 0], key).map(|x| f64::from(normal(x)))).collect();
    let n = z.len() as f64;
    // E z^k = 0, 1, 0, 3 with variances 1, 2, 15, 96.
    for (k, want, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)] {
        let got = z.iter().map(|z| z.powi(k)).sum::<f64>() / n;
        assert!((got - want).abs() <= BOUND * (variance / n).sqrt(), "moment {k}: {got}");
    }
    for t in [1.0, 2.0, 3.0, 4.0] {
        let (got, p) = (z.iter().filter(|z| z.abs() > t).count() as f64, 2.0 * tail(t));
        assert!((got - n * p).abs() <= BOUND * (n * p * (1.0 - p)).sqrt(), "beyond {t}: {got} of {n}");
    }
    // Kolmogorov and Smirnov: sqrt(n) D > 3 has probability 2 exp(-18) = 3e-8.
    z.sort_by(f64::total_cmp);
    let below = |z: f64| if z < 0.0 { tail(-z) } else { 1.0 - tail(z) };
    let d = z.iter().enumerate().map(|(i, &z)| (below(z) - (i as f64 + 0.5) / n).abs()).fold(0.0, f64::max);
    assert!(d * n.sqrt() < 3.0, "KS statistic {}", d * n.sqrt());
}

/// The projected arrays of a plan by twins under a binding limit; each has so many filters.
fn run_plan(text: &str, limit: usize, weights: &[&[f32]], filters: usize, step: &Step) -> Vec<Vec<f32>> {
    let mut target = Target::baseline();
    target.adapter.limits.max_binding = limit;
    let mut b = Builder::new("test", target);
    let mut p = Parameters::default();
    for (i, w) in weights.iter().enumerate() {
        p.push(Tensor { projected: true, ..Tensor::new(format!("t{i}"), &[w.len() / filters, filters]) });
    }
    let projection = Projection::parse(text).unwrap();
    let a = p.arrays(&mut b);
    statistics::maxima(&mut b, "maxima", &p, a.weight, a.maxima).unwrap();
    if projection.needs_quantile() {
        quantile::quantile(&mut b, "quantile", &p, &a).unwrap();
    }
    let table = table(&p, &projection.into());
    let kinds = Kinds::of(&table);
    statistics::record(&mut b, "statistics", &p, &a, kinds.statistics()).unwrap();
    project::apply(&mut b, "project", &p, &a, kinds).unwrap();
    let mut runner = cpu::Runner::new(b.finish().unwrap());
    let mut flat = vec![0.0; p.len()];
    for (t, w) in p.tensors.iter().zip(weights) {
        flat[t.offset..].iter_mut().zip(*w).for_each(|(f, &w)| *f = f64::from(w));
    }
    runner.write("weight", &flat);
    runner.write_u32("projections", &table);
    runner.run(step);
    let out = runner.read("projected");
    p.tensors.iter().map(|t| out[t.offset..t.offset + t.len()].iter().map(|&v| v as f32).collect()).collect()
}

#[test]
fn draws_depend_on_seed_step_tensor_and_element_and_on_nothing_else() {
    let w: Vec<f32> = (0..20_003).map(|i| ((i * 7919) % 2001) as f32 / 1000.0 - 1.0).collect();
    let filters = 83;
    for text in PROJECTIONS.iter().flat_map(|k| k.examples) {
        let step = Step { beta_u: 0.37, ..Step::at(1 << 40 | 5, 1 << 33 | 9) };
        let whole = run_plan(text, 128 << 20, &[&w[..2 * filters], &w], filters, &step);
        let cut = run_plan(text, 20 << 10, &[&w[..2 * filters], &w], filters, &step);
        assert_eq!(whole, cut, "{text}: windows change a draw");
        let draw = HostDraw { layer: 1, seed: 1 << 40 | 5, step: 1 << 33 | 9, beta_u: 0.37, link: 0 };
        let host = apply_host(&Projection::parse(text).unwrap(), &[w.len() / filters, filters], &w, &draw);
        assert_eq!(whole[1], host, "{text}: the host draws otherwise");
    }
    let base = HostDraw { layer: 1, seed: 5, step: 9, ..HostDraw::default() };
    let first = project("stoch", &w, base);
    for other in [
        HostDraw { layer: 2, ..base },
        HostDraw { seed: 6, ..base },
        HostDraw { seed: 5 | 1 << 32, ..base },
        HostDraw { step: 10, ..base },
        HostDraw { step: 9 | 1 << 32, ..base },
    ] {
        assert_ne!(first, project("stoch", &w, other), "{other:?} draws the same");
    }
}

#[test]
fn a_projection_is_called_random_just_where_its_draws_differ() {
    let weights: Vec<f32> = (0..256).map(|i| ((i as f32 * 0.7).sin() + 1e-3) * 0.9).collect();
    let more = ["bitflip:1", "stuck:1,0", "stuck:0,1", "multunif:1", "power:0.5..0.5", "drift:0.1,1"];
    for text in PROJECTIONS.iter().flat_map(|p| p.examples).chain(&more) {
        let of = |step| {
            project(text, &weights, HostDraw { seed: 7, step, beta_u: beta_draw(7, step), ..HostDraw::default() })
        };
        assert_eq!(Projection::parse(text).unwrap().is_random(), of(1) != of(2), "{text}");
    }
}

#[test]
fn projections_are_written_as_they_are_read() {
    for kind in PROJECTIONS {
        for &text in kind.examples {
            assert_eq!(Projection::parse(text).unwrap().to_string(), text);
        }
    }
    let say = |text: &str| Projection::parse(text).unwrap_err().to_string();
    assert!(say("stochn:0.5").contains("\"stochm\""), "{}", say("stochn:0.5"));
    assert!(say("sign:3").contains("no parameter more but \"filter\""), "{}", say("sign:3"));
    assert!(say("bwn:filter").contains("takes no parameter"));
    assert!(say("quant:4,layer").contains("\"filter\""));
    for bad in ["stochm", "stochm:0", "stochm:1.5", "stochm:-1", "stochm:x", "multunif:nan", "stochm3:2,quantile"] {
        assert!(say(bad).contains("above 0 and at most 1"), "{}", say(bad));
    }
    for bad in ["addnorm:-0.1", "addnorm:inf", "addnorm", "power:-1", "power:2..1", "power:", "power:nan"] {
        assert!(say(bad).contains(">= 0"), "{}", say(bad));
    }
    assert!(say("stochm3:0.5,median").contains("\"quantile\""));
    for bad in ["bitflip", "bitflip:-0.1", "bitflip:1.1", "bitflip:x", "stuck:0.5", "stuck:0.6,0.5", "stuck:-1,0"] {
        assert!(say(bad).contains("from 0 to 1"), "{}", say(bad));
    }
    for bad in ["quant", "quant:0", "quant:17", "quant:2.5", "quant:-1"] {
        assert!(say(bad).contains("from 1 to 16"), "{}", say(bad));
    }
    for bad in ["drift:0.06", "drift:-1,10", "drift:0.06,0.5", "drift:0.06,inf", "prune", "prune:1", "prune:-0.1"] {
        assert!(say(bad).contains("from 0 to"), "{}", say(bad));
    }
}

#[test]
fn the_shader_knows_every_kind_by_its_position_in_the_table() {
    let piece = |name: &str| shaders::text(name).expect("a piece");
    let source = piece("project/kinds.wgsl");
    for (i, kind) in PROJECTIONS.iter().enumerate().skip(1) {
        let name = kind.name.replace('-', "_");
        for line in [
            format!("// include project/{name}.wgsl // kind {i}"),
            format!("  if kind == {i}u {{ p = project_{name}(w, c); }} // kind {i}"),
        ] {
            assert!(source.lines().any(|l| l == line), "project/kinds.wgsl has no `{line}`");
        }
    }
    assert_eq!(source.matches("  if ").count(), PROJECTIONS.len() - 1);
    let stream = format!("STREAM_PROJECTION: u32 = {}u;", philox::stream::PROJECTION);
    assert!(piece("project/context.wgsl").contains(&stream));
}

#[test]
fn kinds_are_those_of_the_table_with_the_draws_they_need() {
    let mut p = Parameters::default();
    p.push(Tensor { projected: true, ..Tensor::new("w", &[7]) });
    p.push(Tensor::new("gamma", &[7]));
    let kinds = |text: &str| Kinds::of(&table(&p, &Projection::parse(text).unwrap().into()));
    // None for gamma; the sign and the magnitude are draws 0 and 1, the normal number is draw 3.
    assert_eq!((kinds("none").bits(), kinds("none").draws()), (1, 0));
    assert_eq!((kinds("stochm:0.5").bits(), kinds("stochm:0.5").draws()), (1 | 1 << 5, 0b0011));
    assert_eq!(kinds("addnorm:1").draws(), 0b1000);
    assert_eq!((Kinds::ALL.bits().count_ones() as usize, Kinds::ALL.draws()), (PROJECTIONS.len(), 0b1111));
}
