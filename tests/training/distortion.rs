//! Distorted weights on the adapter: chains and layer choices against their twins, and the test protocol around them.

use std::sync::atomic::AtomicBool;

use crate::common;
use crate::small;
use indicatif::ProgressBar;
use weightproof::data::Part;
use weightproof::eval::{Evaluator, Moments, Progress, Score, Test};
use weightproof::gpu::Runner;
use weightproof::model::preset::Preset;
use weightproof::projection::distortion::Distortion;
use weightproof::projection::{HostDraw, PROJECTIONS};
use weightproof::session::{self, Projector, Session};

fn parse(text: &str) -> Distortion {
    Distortion::parse(text).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn chains_and_layer_choices_agree_with_their_twins() {
    let network = small::network("none");
    let p = &network.parameters;
    let weights = network.initial_weights(7);
    let mut runner = Runner::new(common::device(true));
    let mut projector = Projector::new(p.clone());
    projector.set_weights(&mut runner, &weights).unwrap();
    let examples = PROJECTIONS.iter().flat_map(|k| k.examples).map(|e| format!("conv*:{e}+multunif:0.5"));
    let chains = [
        "sign except fc*",
        "round+bitflip:0.2+stuck:0.1,0.1",
        "addnorm:0.4+sign+bitflip:0.3+quant:1",
        "bwn+conv*:sign:filter+quant:4,filter+sign except conv2",
        "addnorm:0.4+prune:0.3+addnorm:0.4+stochm3:0.5,quantile+fc?:power:0..2 except conv2",
    ];
    for text in examples.chain(chains.map(String::from)) {
        let distortion = parse(&text);
        // Twice: what another chain left in the arrays does not matter.
        let results = [(); 2].map(|()| {
            projector
                .apply(&mut runner, &distortion, 1 << 40 | 5, 1 << 33 | 9)
                .unwrap_or_else(|e| panic!("{text}: {e}"));
            runner.read("projected", p.len()).unwrap()
        });
        assert_eq!(results[0], results[1], "{text}");
        let got: &[f32] = bytemuck::cast_slice(&results[0]);
        for t in &p.tensors {
            let (got, stored) = (&got[t.offset..][..t.len()], &weights[t.offset..][..t.len()]);
            let draw = HostDraw { layer: t.layer, seed: 1 << 40 | 5, step: 1 << 33 | 9, ..HostDraw::default() };
            let want = match t.projected {
                true => distortion.apply_host(&t.name, &t.shape, stored, &draw),
                false => stored.to_vec(),
            };
            // An adapter may fuse products with sums, and Power and Drift take exp2: a link is off by some ulps of its
            // largest value, which no chain here makes more than ten of.
            let alpha = stored.iter().fold(0f32, |a, w| a.max(w.abs()));
            let exact = distortion.links.iter().all(|l| l.projection.row().exact);
            let most = if exact { 0.0 } else { 1e-5 * alpha };
            for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                assert!((g - w).abs() <= most, "{text}: {}[{i}] is {g}, the twin says {w}", t.name);
            }
        }
    }
    let error = projector.apply(&mut runner, &parse("conv7:sign"), 1, 1).unwrap_err().to_string();
    assert!(error.contains("\"conv7\"") && error.contains("conv1, conv2, fc1, fc2"), "{error}");
}

/// The digits network, small, with its first weights, under a training projection.
struct Lab {
    session: Session,
    evaluator: Evaluator<'static>,
}

impl Lab {
    fn new(projection: &str) -> Lab {
        let set = ["width=0.25", "batch=20", "data.train=200", "data.test=130"].map(String::from);
        let mut preset = Preset::load("demo/digits", &set).unwrap_or_else(|e| panic!("{e}"));
        preset.projection = projection.into();
        let data = session::load_data(&preset, None).unwrap();
        let network = session::network(&preset, &data).unwrap();
        let mut session = Session::new(common::device(false), network.clone(), preset.seed);
        let mut evaluator = Evaluator::new(&mut session, data, Part::Test, 50, 0).unwrap();
        evaluator.set_weights(&mut session, &network.initial_weights(3)).unwrap();
        Lab { session, evaluator }
    }

    fn score(&mut self, text: &str, draw: u64, moments: Moments) -> Score {
        let (bar, stop) = (ProgressBar::hidden(), AtomicBool::new(false));
        let distortion = parse(text);
        let before = bar.position();
        let test = Test { distortion: &distortion, seed: 5, draw, moments };
        let score = self.evaluator.score(&mut self.session, &test, Progress { bar: &bar, stop: &stop });
        assert_eq!(
            bar.position() - before,
            self.evaluator.batches(moments),
            "the bar goes on by as much for every score"
        );
        score.unwrap_or_else(|e| panic!("{text}: {e}")).expect("nobody stopped it")
    }
}

#[test]
fn a_score_does_not_depend_on_what_was_measured_before() {
    let texts = ["none", "addnorm:0.5", "sign+bitflip:0.2", "prune:0.5", "conv*:sign", "quant:3"];
    let mut lab = Lab::new("stoch");
    let mut scores = vec![];
    for moments in [Moments::Recomputed, Moments::Trained] {
        scores.extend(texts.map(|text| (text, moments, lab.score(text, 0, moments))));
    }
    let pipelines = lab.session.runner.pipelines();
    for (text, moments, score) in scores.iter().rev() {
        assert_eq!(lab.score(text, 0, *moments), *score, "{text} from memory");
        lab.evaluator.weights_changed();
        assert_eq!(lab.score(text, 0, *moments), *score, "{text} once more");
        assert_eq!(Lab::new("stoch").score(text, 0, *moments), *score, "{text} alone");
    }
    assert_eq!(lab.session.runner.pipelines(), pipelines, "a point built a pipeline");
    // Draws of what is random differ, of what is not do not.
    assert_ne!(lab.score("addnorm:0.5", 1, Moments::Recomputed).loss, scores[1].2.loss);
    assert_eq!(lab.score("quant:3", 1, Moments::Recomputed), scores[5].2);
}

#[test]
fn trained_moments_are_those_of_the_training_projection_and_recomputed_ones_those_of_the_distortion() {
    let both = |lab: &mut Lab, text: &str| {
        [Moments::Recomputed, Moments::Trained].map(|moments| lab.score(text, 0, moments).loss)
    };
    let mut none = Lab::new("none");
    let [a, b] = both(&mut none, "none");
    assert_eq!(a, b);
    let [recomputed, trained] = both(&mut none, "sign");
    assert_ne!(recomputed, trained);
    let mut sign = Lab::new("sign");
    let [a, b] = both(&mut sign, "sign");
    assert_eq!(a, b);
    assert_eq!(a, recomputed);
}

#[test]
fn deviations_are_averaged_over_batches_where_the_preset_says_so() {
    let average = |what: &str, batches: usize| -> Vec<f64> {
        let set = format!("eval.moments_average={what}");
        let set = ["width=0.25", "batch=20", "data.train=200", "batch_norm.epsilon=0.01", &set].map(String::from);
        let preset = Preset::load("demo/digits", &set).unwrap_or_else(|e| panic!("{e}"));
        let data = session::load_data(&preset, None).unwrap();
        let network = session::network(&preset, &data).unwrap();
        let mut session = Session::new(common::device(false), network.clone(), preset.seed);
        let mut evaluator = Evaluator::new(&mut session, data, Part::Test, 50, batches).unwrap();
        evaluator.set_weights(&mut session, &network.initial_weights(3)).unwrap();
        let (bar, stop) = (ProgressBar::hidden(), AtomicBool::new(false));
        let test = Test { distortion: &parse("none"), seed: 5, draw: 0, moments: Moments::Recomputed };
        assert!(evaluator.prepare(&mut session, &test, Progress { bar: &bar, stop: &stop }).unwrap());
        let (name, channels) = network.moments().into_iter().find(|(name, _)| name.ends_with("running_var")).unwrap();
        let words = session.runner.read(&name, channels).unwrap();
        words.iter().map(|bits| f64::from(f32::from_bits(*bits))).collect()
    };
    // The variances of each batch, from the averages over one batch, two, ...
    let mut deviations = vec![0.0; average("variance", 1).len()];
    let mut before = vec![0.0; deviations.len()];
    for k in 1..=4 {
        let sums: Vec<f64> = average("variance", k).iter().map(|a| a * k as f64).collect();
        for (deviation, (now, before)) in deviations.iter_mut().zip(sums.iter().zip(&before)) {
            *deviation += (now - before + 0.01).sqrt() / 4.0;
        }
        before = sums;
    }
    let (got, variances) = (average("deviation", 4), average("variance", 4));
    for ((got, deviation), variance) in got.iter().zip(&deviations).zip(&variances) {
        let want = deviation * deviation - 0.01;
        assert!((got - want).abs() <= 1e-5 * (want + 0.01), "{got}, not {want}");
        assert!(*got < *variance, "{got} is not below {variance}: the mean of roots is below the root of the mean");
    }
}

#[test]
fn draws_of_a_distortion_are_scored_one_by_one() {
    let mut lab = Lab::new("none");
    let (bar, stop) = (ProgressBar::hidden(), AtomicBool::new(false));
    let distortion = parse("sign+bitflip:0.3 except fc2 x3");
    let progress = Progress { bar: &bar, stop: &stop };
    let first = Test { distortion: &distortion, seed: 5, draw: 0, moments: Moments::Recomputed };
    let draws = lab.evaluator.draws(&mut lab.session, &first, progress).unwrap().unwrap();
    assert_eq!((draws.distortion.as_str(), draws.scores.len()), ("sign+bitflip:0.3 except fc2 x3", 3));
    for (i, score) in draws.scores.iter().enumerate() {
        assert_eq!(score.distortion, "sign+bitflip:0.3 except fc2");
        assert_eq!(*score, lab.score("sign+bitflip:0.3 except fc2", i as u64, Moments::Recomputed));
    }
    assert!(draws.error().deviation.is_some_and(|d| d > 0.0) && draws.error().most > draws.error().mean);
    // A stop between two batches leaves nothing half done.
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let round = Test { distortion: &parse("round"), ..first };
    let stopped = lab.evaluator.draws(&mut lab.session, &round, progress).unwrap();
    assert!(stopped.is_none());
    let fresh = Lab::new("none").score("round", 0, Moments::Recomputed);
    assert_eq!(lab.score("round", 0, Moments::Recomputed), fresh);
}
