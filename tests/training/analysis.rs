//! The analyses on the adapter: against closed forms, against the twins, and where nothing may change.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common;
use indicatif::ProgressBar;
use weightproof::data::Part;
use weightproof::eval::analysis::{
    self, Bound, Budget, Correlation, Family, LayerError, Outcome, Specimen, Trials, weighted,
};
use weightproof::eval::{Evaluator, Moments, Progress};
use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::projection::EVALUATION;
use weightproof::projection::HostDraw;
use weightproof::projection::distortion::Distortion;
use weightproof::session::{self, Session};

const SEED: u64 = 7;

fn preset() -> Preset {
    let sets = ["data.train=200", "data.test=50", "batch=20"].map(String::from);
    Preset::load("demo/digits", &sets).unwrap()
}

/// The network of the demo with weights that no training has changed.
fn network() -> (Arc<Network>, Vec<f32>) {
    let network = session::network_for(&preset(), [8, 8, 1]).unwrap();
    let weights = network.initial_weights(SEED);
    (Arc::new(network), weights)
}

fn list(text: &str) -> Vec<Distortion> {
    Distortion::parse_list(text).unwrap()
}

/// Calls `ask` with a specimen.
fn with_weights<T>(ask: impl FnOnce(&mut Specimen) -> T) -> T {
    let (network, weights) = network();
    let mut session = Session::new(common::device(false), network, SEED);
    ask(&mut Specimen::new(&mut session, &weights, SEED).unwrap())
}

/// Calls `ask` with a specimen and trials on 50 images, four draws each.
fn with_images<T>(ask: impl FnOnce(&mut Specimen, &mut Trials) -> T) -> T {
    let (network, weights) = network();
    let mut session = Session::new(common::device(false), network, SEED);
    let data = session::load_data(&preset(), None).unwrap();
    let mut evaluator = Evaluator::new(&mut session, data, Part::Test, 25, 0).unwrap();
    let progress = Progress { bar: &ProgressBar::hidden(), stop: &AtomicBool::new(false) };
    let mut trials = Trials { evaluator: &mut evaluator, moments: Moments::Recomputed, draws: 4, progress };
    ask(&mut Specimen::new(&mut session, &weights, SEED).unwrap(), &mut trials)
}

/// Mean of w^2 / alpha^2 of each layer, and its number of weights.
fn energies() -> Vec<(f64, f64)> {
    let (network, weights) = network();
    let of = |part: &[f32]| {
        let alpha = part.iter().fold(0f32, |a, w| a.max(w.abs()));
        let sum: f64 = part.iter().map(|w| f64::from(w / alpha).powi(2)).sum();
        (sum / part.len() as f64, part.len() as f64)
    };
    weighted(&network).map(|(_, t)| of(&weights[t.offset..][..t.len()])).collect()
}

#[test]
fn the_bits_of_additive_noise_are_those_of_its_sigma() {
    let energies = energies();
    let all: f64 = energies.iter().map(|(_, n)| n).sum();
    let pooled = energies.iter().map(|(q, n)| q * n).sum::<f64>() / all;
    for sigma in [0.1, 0.55] {
        let bits = with_weights(|s| s.bits(&list(&format!("addnorm:{sigma} x8"))).unwrap()).remove(0);
        assert_eq!((bits.distortion.as_str(), bits.draws), (format!("addnorm:{sigma}").as_str(), 8));
        let exact = |q: f64| 0.5 * (1.0 + q / (sigma * sigma)).log2();
        // Qn is the mean of 8 n squares of normal numbers: its relative deviation is sqrt(2 / 8n), and that of Qn moves
        // the bits by half as much over ln 2, at most. Five deviations.
        let check = |got: Option<f64>, q: f64, n: f64| {
            let allowed = 5.0 * (2.0 / (8.0 * n)).sqrt() * 0.5 / std::f64::consts::LN_2;
            let got = got.expect("there is noise");
            assert!(!((got - exact(q)).abs() > allowed), "sigma {sigma}: {got}, {} of the closed form", exact(q));
        };
        check(bits.bits, pooled, all);
        for (layer, (q, n)) in bits.by_layer.iter().zip(&energies) {
            check(layer.bits, *q, *n);
        }
    }
}

#[test]
fn bits_and_distances_are_those_of_the_twin() {
    let (network, weights) = network();
    for text in ["sign", "round", "conv*:sign", "addnorm:0.3", "sign+multunif:0.5", "none"] {
        let d = Distortion::parse(text).unwrap();
        let (distance, bits) =
            with_weights(|s| (s.distance(&list(text)).unwrap(), s.bits(&list(text)).unwrap().remove(0).by_layer));
        assert_eq!(distance.len(), 4);
        for (((layer, t), got), bits) in weighted(&network).zip(&distance).zip(&bits) {
            let w = &weights[t.offset..][..t.len()];
            let draw = HostDraw { layer: t.layer, seed: SEED, step: EVALUATION, ..HostDraw::default() };
            let p = d.apply_host(&t.name, &t.shape, w, &draw);
            let mean = |f: &dyn Fn(f64, f64) -> f64| {
                w.iter().zip(&p).map(|(&w, &p)| f(w.into(), p.into())).sum::<f64>() / w.len() as f64
            };
            let alpha = f64::from(w.iter().fold(0f32, |a, w| a.max(w.abs())));
            let (abs, noise) = (mean(&|w, p| (w - p).abs()), mean(&|w, p| (w - p).powi(2)));
            assert_eq!((got.layer.as_str(), got.distortion.as_str()), (layer, text));
            assert!(!((got.mean_abs - abs).abs() > 1e-6 * alpha), "{text} {layer}: {got:?}, the twin says {abs}");
            assert!(!((got.mean_abs_over_alpha - abs / alpha).abs() > 1e-6), "{text} {layer}: {got:?}");
            match bits.bits {
                None => assert_eq!(noise, 0.0, "{text} {layer}"),
                Some(bits) => {
                    let want = 0.5 * (1.0 + mean(&|w, _| w * w) / noise).log2();
                    assert!(!((bits - want).abs() > 1e-5), "{text} {layer}: {bits} bits, the twin says {want}");
                }
            }
        }
    }
}

#[test]
fn histograms_count_every_weight_and_sign_leaves_two_values() {
    let layers = ["conv1", "conv2"].map(String::from);
    let (network, _) = network();
    let found = with_weights(|s| s.histograms(&layers, &list("none,sign,round,addnorm:1,power:0.5")).unwrap());
    assert_eq!(found.len(), 10);
    for h in &found {
        let weights = weighted(&network).find(|(name, _)| *name == h.layer).unwrap().1.len() as u64;
        assert_eq!(h.counts.iter().sum::<u64>(), weights, "{} under {}", h.layer, h.distortion);
        assert_eq!(h.edges.len(), h.counts.len() + 1);
        let used = h.counts.iter().filter(|n| **n > 0).count();
        match h.distortion.as_str() {
            "sign" => assert_eq!(used, 2),
            "round" => assert_eq!(used, 3),
            _ => assert!(used > 20, "{} under {}: {used} bins", h.layer, h.distortion),
        }
        let reach = h.edges.last().unwrap();
        assert_eq!(*reach > 1.1, h.distortion == "addnorm:1", "{} under {}: up to {reach}", h.layer, h.distortion);
    }
}

#[test]
fn a_filter_is_every_nth_weight() {
    let (network, weights) = network();
    let (conv2, fc1) = with_weights(|s| {
        (s.filters("conv2", &[0, 31], &list("none")).unwrap(), s.filters("fc1", &[3], &list("none,sign")).unwrap())
    });
    let t = network.parameters.find("conv2.weight").unwrap();
    assert_eq!((conv2[1].filter, conv2[1].shape), (31, [3, 3, 16]));
    let want: Vec<f32> = (0..3 * 3 * 16).map(|i| weights[t.offset + 32 * i + 31]).collect();
    assert_eq!(conv2[1].weights, want);
    assert_eq!(fc1[0].shape, [1, 1, 512]);
    assert!(fc1[0].weights.iter().zip(&fc1[1].weights).all(|(w, p)| (*w >= 0.0) == (*p > 0.0)));
    let e = with_weights(|s| s.filters("conv1", &[16], &list("none")).unwrap_err().to_string());
    assert!(e.contains("conv1") && e.contains("0 to 15"), "{e}");
}

#[test]
fn activity_correlates_wholly_with_itself_and_partly_with_that_under_sign() {
    let none = Distortion::parse("none").unwrap();
    let found = with_images(|s, t| analysis::correlation(s, t, &none, &list("none,sign,fc1:sign")).unwrap().unwrap());
    let of = |b: &str| found.iter().filter(|c| c.b == b).collect::<Vec<&Correlation>>();
    let layers: Vec<&str> = of("sign").iter().map(|c| c.layer.as_str()).collect();
    assert_eq!(layers, ["conv1", "conv2", "fc1", "fc2"]);
    assert!(of("none").iter().all(|c| (c.r, c.r_sums) == (Some(1.0), Some(1.0))), "{found:?}");
    let partly = |r: Option<f64>| r.is_some_and(|r| 0.1 < r && r < 0.999);
    assert!(of("sign").iter().all(|c| partly(c.r) && partly(c.r_sums)), "{found:?}");
    // What stands before the distorted layer is as it was.
    let r: Vec<Option<f64>> = of("fc1:sign").iter().map(|c| c.r).collect();
    assert_eq!(r[..2], [Some(1.0), Some(1.0)]);
    assert!(partly(r[2]) && partly(r[3]), "{r:?}");
}

#[test]
fn a_layer_that_is_left_alone_changes_no_error() {
    let layers = ["conv1", "fc1"].map(String::from);
    let d = Distortion::parse("conv1:sign").unwrap();
    let found = with_images(|s, t| analysis::sensitivity(s, t, &d, &layers, true).unwrap().unwrap());
    let error = |layer: &str, distortion: &str, except: bool| {
        let same = |e: &&LayerError| e.layer == layer && e.distortion == distortion && e.except == except;
        found.iter().find(same).unwrap_or_else(|| panic!("no {layer}: {found:?}")).error
    };
    let (none, whole) = (error(LayerError::ALL, "none", false), error(LayerError::ALL, "conv1:sign", false));
    assert_eq!(error("fc1", "conv1:sign", false), none);
    assert_eq!(error("conv1", "conv1:sign", true), none);
    assert_eq!(error("conv1", "conv1:sign", false), whole);
    assert_eq!(error("fc1", "conv1:sign", true), whole);
    assert_eq!(found.len(), analysis::errors(2, true));
}

#[test]
fn a_budget_has_its_corner_cases() {
    let budget = |family: &str, bound: &str| -> Budget {
        let family = Family::parse(family, None).unwrap();
        with_images(|s, t| analysis::budget(s, t, &family, bound.parse::<Bound>().unwrap()).unwrap().unwrap())
    };
    let all = budget("addnorm", "100%");
    assert_eq!((all.outcome, all.parameter), (Outcome::NeverExceeded, Some(1.0)));
    assert!(all.bits.is_some_and(|b| b > 0.0) && all.measured.draws == 4, "{all:?}");
    let none = budget("bitflip", "0%");
    assert_eq!((none.outcome, none.parameter, none.bits), (Outcome::NeverMet, None, None));
    assert_eq!(none.error, none.none_error, "nothing is flipped with probability 0");
}

#[test]
fn what_is_stopped_says_nothing() {
    let none = Distortion::parse("none").unwrap();
    let stop = AtomicBool::new(true);
    with_images(|s, t| {
        let progress = Progress { stop: &stop, ..t.progress };
        let mut t = Trials { evaluator: &mut *t.evaluator, progress, ..*t };
        assert_eq!(analysis::correlation(s, &mut t, &none, &list("sign")).unwrap(), None);
        assert_eq!(analysis::sensitivity(s, &mut t, &none, &[], false).unwrap(), None);
        let family = Family::parse("addnorm", None).unwrap();
        assert_eq!(analysis::budget(s, &mut t, &family, Bound::Over(2.0)).unwrap(), None);
    });
}
