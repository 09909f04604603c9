//! Every case of every variant of every kernel against its twin, on the adapter at hand. `WEIGHTPROOF_KERNEL=conv`
//! selects kernels by a part of the name.

mod common;

use weightproof::check::check;
use weightproof::kernels::KERNELS;

fn run_all(checked: bool) {
    let device = common::device(checked);
    eprintln!("adapter: {}", device.info);
    let only = std::env::var("WEIGHTPROOF_KERNEL").unwrap_or_default();
    let mut failures = vec![];
    for kernel in KERNELS.iter().filter(|k| k.name.contains(&only)) {
        for r in check(&device, kernel).unwrap_or_else(|e| panic!("{}: {e}", kernel.name)) {
            eprintln!(
                "{:<28} {:<10} {:>3} cases, worst {:.2} of its budget",
                r.kernel, r.variant, r.cases, r.worst.share
            );
            failures.extend(r.failures.iter().map(|f| format!("{} {} {f}", r.kernel, r.variant)));
            if r.variant == "naive" && r.cases != (kernel.cases)().len() {
                failures.push(format!("{} naive ran {} cases only", r.kernel, r.cases));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_variant_agrees_with_its_twin_within_budget_with_checked_shaders() {
    run_all(true);
}

#[test]
fn every_variant_agrees_with_its_twin_within_budget_as_shipped() {
    run_all(false);
}
