//! The numbers that change from step to step, as pure functions of the step: the same after a resume, and after a
//! change of machine. Steps and epochs count from 0.

use crate::model::preset::{Lr, Preset};
use crate::projection::distortion::Distortion;

/// Learning rate of `step`, if an epoch has `steps_per_epoch` steps.
pub fn lr(preset: &Preset, step: u64, steps_per_epoch: u64) -> f64 {
    let spe = steps_per_epoch.max(1);
    match &preset.lr {
        Lr::Constant { initial } => *initial,
        Lr::Exponential { initial, last } => initial * (last / initial).powf(preset.done(step / spe)),
        Lr::Step { initial, factors } => initial * product_until(factors, step),
        Lr::CosineRestarts { initial, last, first, growth } => {
            let (start, epochs) = cycle(first, *growth, step / spe);
            let done = (step - start * spe) as f64 / (epochs as f64 * spe as f64);
            last + (initial - last) / 2.0 * (1.0 + (std::f64::consts::PI * done).cos())
        }
    }
}

/// What projects the weights in `step`, of the projection of training.
pub fn projection(training: &Distortion, preset: &Preset, step: u64, steps_per_epoch: u64) -> Distortion {
    training.at(preset.done(step / steps_per_epoch.max(1)))
}

/// What multiplies every clip bound c_k at `step`.
pub fn clip_scale(preset: &Preset, step: u64) -> f64 {
    product_until(&preset.clip.schedule, step)
}

/// Whether a cycle of `cosine_restarts` ended with the step before `step`: the network is tested and saved, and the
/// momentum zeroed.
pub fn restarts(preset: &Preset, step: u64, steps_per_epoch: u64) -> bool {
    let spe = steps_per_epoch.max(1);
    match &preset.lr {
        Lr::CosineRestarts { first, growth, .. } => step > 0 && cycle(first, *growth, step / spe).0 * spe == step,
        _ => false,
    }
}

/// Number of steps of the whole training.
pub fn total_steps(preset: &Preset, steps_per_epoch: u64) -> u64 {
    preset.epochs.saturating_mul(steps_per_epoch.max(1)).min(preset.steps.unwrap_or(u64::MAX))
}

/// Whether the network is tested after `step` steps, wherever the run ends.
pub fn evaluates_at(preset: &Preset, step: u64, steps_per_epoch: u64) -> bool {
    let e = &preset.eval;
    let never = e.every == 0 && e.every_steps == 0;
    let epochs = if preset.data.validation.is_some() && never { 1 } else { e.every };
    let is_due = |every: u64| every > 0 && step > 0 && step.is_multiple_of(every);
    is_due(epochs.saturating_mul(steps_per_epoch)) || is_due(e.every_steps) || restarts(preset, step, steps_per_epoch)
}

/// Product of the factors of the `[step, times]` pairs that `step` has reached.
fn product_until(pairs: &[(u64, f64)], step: u64) -> f64 {
    pairs.iter().take_while(|(from, _)| *from <= step).map(|(_, times)| times).product()
}

/// First epoch and length of the cycle that `epoch` lies in: cycles of the lengths in `first`, then each `growth` times as
/// long as the one before.
fn cycle(first: &[u64], growth: u64, epoch: u64) -> (u64, u64) {
    let (mut start, mut length) = (0u64, 1);
    for epochs in first {
        length = *epochs;
        if epoch - start < length {
            return (start, length);
        }
        start += length;
    }
    if growth <= 1 {
        return (epoch - (epoch - start) % length, length);
    }
    length = length.saturating_mul(growth);
    while epoch - start >= length {
        start += length;
        length = length.saturating_mul(growth);
    }
    (start, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(sets: &[&str]) -> Preset {
        let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
        Preset::load("merolla2016/cifar10/tr-stochm-c", &sets).unwrap()
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
    }

    #[test]
    fn exponential_decay_steps_once_an_epoch_from_3e3_to_2e6() {
        let p = preset(&[]);
        near(lr(&p, 0, 1000), 0.003);
        near(lr(&p, 999, 1000), 0.003);
        near(lr(&p, 1000, 1000), 0.003 * (2e-6f64 / 3e-3).powf(1.0 / 500.0));
        near(lr(&p, 250_000, 1000), (0.003f64 * 2e-6).sqrt());
        near(lr(&p, 500_000, 1000), 2e-6);
    }

    /// What is linear and what is a cosine, by hand: epoch e of 8 has e/8 behind it, whatever the steps.
    #[test]
    fn parameters_of_a_projection_move_over_the_epochs() {
        let at = |text: &str, sets: &[&str], step: u64| {
            let p = preset(&[&["epochs=8"], sets].concat());
            projection(&Distortion::parse(text).unwrap(), &p, step, 10).to_string()
        };
        for (step, linear, cosine) in [
            (0, 0.5, 0.5),
            (9, 0.5, 0.5),
            (10, 0.4375, 0.480969883),
            (20, 0.375, 0.426776695),
            (40, 0.25, 0.25),
            (79, 0.0625, 0.019030117),
            (80, 0.0, 0.0),
            (90, 0.0, 0.0),
        ] {
            for steps in [&[][..], &["steps=15"]] {
                for (text, want) in [("addnorm:0.5->0", linear), ("addnorm:0.5 to 0 cosine", cosine)] {
                    let value: f64 = at(text, steps, step).strip_prefix("addnorm:").unwrap().parse().unwrap();
                    assert!((value - want).abs() < 3e-8, "{text}, step {step}: {value} is not {want}");
                }
            }
            assert_eq!(at("addnorm:0.3->0.3", &[], step), "addnorm:0.3");
            assert_eq!(at("stuck:0.1,0.05->0.05 cosine", &[], step), "stuck:0.1,0.05");
        }
        assert_eq!(at("stuck:0.5->0,0.05", &[], 20), "stuck:0.375,0.05");
        assert_eq!(at("power:0..2->1..1", &[], 40), "power:0.5..1.5");
        assert_eq!(at("quant:8->2", &[], 60), "quant:4", "3.5 bits are 4");
        assert_eq!(at("conv*:addnorm:0.4->0+fc*:sign", &[], 40), "conv*:addnorm:0.2+fc*:sign");
        assert_eq!(at("addnorm:1.2e-38->0", &[], 40), "addnorm:0", "of half of that a device may hold nothing");
    }

    #[test]
    fn a_step_schedule_multiplies_from_each_step_on() {
        let p = preset(&["lr={kind=\"step\", initial=0.1, factors=[[100000, 0.01], [125000, 0.01]]}"]);
        for (step, want) in [(0, 0.1), (99_999, 0.1), (100_000, 1e-3), (124_999, 1e-3), (125_000, 1e-5)] {
            near(lr(&p, step, 2500), want);
        }
        near(lr(&preset(&["lr={kind=\"constant\", initial=0.25}"]), 7, 3), 0.25);
    }

    #[test]
    fn cosine_cycles_end_after_2_6_14_30_62_126_254_epochs_and_zero_the_momentum() {
        let p = preset(&["lr={kind=\"cosine_restarts\", initial=0.1, final=1e-4}", "epochs=254"]);
        let spe = 400;
        for epoch in [0, 2, 6, 14, 30, 62, 126, 254] {
            near(lr(&p, epoch * spe, spe), 0.1);
        }
        // Half way through a cycle the rate is the mean of both ends; at its end it is the lower one, nearly.
        near(lr(&p, spe, spe), (0.1 + 1e-4) / 2.0);
        near(lr(&p, 22 * spe, spe), (0.1 + 1e-4) / 2.0);
        let end = lr(&p, 30 * spe - 1, spe);
        assert!(end > 1e-4 && end < 1.0001e-4, "{end}");
        // A quarter: 1e-4 + 0.0999 / 2 * (1 + cos(pi / 4)).
        near(lr(&p, 10 * spe - 2 * spe, spe), 1e-4 + 0.0999 / 2.0 * (1.0 + std::f64::consts::FRAC_1_SQRT_2));
        let at: Vec<u64> = (0..130 * spe).filter(|s| restarts(&p, *s, spe)).map(|s| s / spe).collect();
        assert_eq!(at, [2, 6, 14, 30, 62, 126]);
        assert!(!restarts(&preset(&[]), 400, spe));
    }

    #[test]
    fn cycles_of_equal_length_restart_each_time() {
        let p = preset(&["lr={kind=\"cosine_restarts\", initial=0.1, final=0, first=3, growth=1}"]);
        let at: Vec<u64> = (0..100).filter(|s| restarts(&p, *s, 10)).collect();
        assert_eq!(at, [30, 60, 90]);
        near(lr(&p, 45, 10), 0.05);
    }

    #[test]
    fn the_first_cycles_may_be_listed_and_the_last_of_them_goes_on_growing() {
        let cycles = |sets: &str| {
            let p = preset(&[&format!("lr={{kind=\"cosine_restarts\", initial=0.1, final=0, {sets}}}")]);
            (0..600).filter(|s| restarts(&p, *s, 10)).map(|s| s / 10).collect::<Vec<_>>()
        };
        assert_eq!(cycles("first=[1, 1, 4]"), [1, 2, 6, 14, 30]);
        assert_eq!(cycles("first=[3, 10], growth=1"), [3, 13, 23, 33, 43, 53]);
        assert_eq!(cycles("first=[2]"), cycles("first=2"));
        let p = preset(&["lr={kind=\"cosine_restarts\", initial=0.1, final=0, first=[1, 4]}"]);
        near(lr(&p, 30, 10), 0.05);
        assert_eq!(lr(&p, 10, 10), 0.1);
    }

    #[test]
    fn the_network_is_tested_at_the_end_of_every_cycle() {
        let p = preset(&["lr={kind=\"cosine_restarts\", initial=0.1, final=0}", "epochs=14"]);
        let at: Vec<u64> = (0..=140).filter(|s| evaluates_at(&p, *s, 10)).collect();
        assert_eq!(at, [20, 60, 140]);
    }

    #[test]
    fn the_clip_bound_rises_by_1_4_at_5k_10k_15k() {
        let p = preset(&["clip={factor=4.5, schedule=[[5000, 1.4], [10000, 1.4], [15000, 1.4]]}"]);
        for (step, want) in [(0, 1.0), (4_999, 1.0), (5_000, 1.4), (10_000, 1.96), (15_000, 2.744), (99_999, 2.744)] {
            near(clip_scale(&p, step), want);
        }
        assert_eq!(clip_scale(&preset(&[]), 123), 1.0);
    }

    #[test]
    fn steps_cut_the_training_short() {
        assert_eq!(total_steps(&preset(&[]), 1000), 500_000);
        assert_eq!(total_steps(&preset(&["steps=300"]), 1000), 300);
        assert_eq!(total_steps(&preset(&["steps=300", "epochs=2"]), 100), 200);
    }
}
