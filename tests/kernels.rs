//! Every case of every variant of every kernel against its twin, on the adapter at hand.
//!
//! `WEIGHTPROOF_KERNEL=conv2d` selects kernels by name, `WEIGHTPROOF_DEVICE` the adapter.

mod common;

use sha2::{Digest, Sha256};
use weightproof::kernels::{self, Budget, KERNELS};

/// Runs all cases with shaders checked or not; returns the failures.
fn run_all(checked: bool) -> Vec<String> {
    let device = common::device(checked);
    eprintln!("adapter: {}", device.info);
    let only = std::env::var("WEIGHTPROOF_KERNEL").unwrap_or_default();
    let mut failures = vec![];
    for kernel in KERNELS.iter().filter(|k| k.name.contains(&only)) {
        let cases = (kernel.cases)();
        for variant in kernel.variants {
            let mut target = device.target.clone();
            target.forced = vec![(kernel.name.into(), variant.name.into())];
            let (mut ran, mut worst) = (0, common::Worst::default());
            for case in &cases {
                let at = format!("{} {} \"{}\"", kernel.name, variant.name, case.name);
                let built = match case.build(&target) {
                    Ok(built) => built,
                    Err(e) if e.to_string().contains("cannot run here") => continue,
                    Err(e) => panic!("{at}: {e}"),
                };
                ran += 1;
                let (mut runner, loaded) = common::load(&device, built.plan.clone(), &built.data);
                match common::compare(&mut runner, &loaded, case.exact, case.one_sign) {
                    Err(e) => failures.push(format!("{at}: {e}")),
                    Ok(w) if w.share > worst.share => worst = w,
                    Ok(_) => {}
                }
                // The same inputs again, in one submit: the same bits.
                let (mut again, other) = common::load(&device, built.plan, &built.data);
                let count = other.plan.commands.len();
                again.run_commands(&other, 0..count).unwrap_or_else(|e| panic!("{at}: {e}"));
                for (i, b) in other.plan.buffers.iter().enumerate() {
                    let first = runner.read_buffer(&loaded, i).expect("read");
                    if first != again.read_buffer(&other, i).expect("read") {
                        failures.push(format!("{at}: {} differs between two runs", b.name));
                    }
                }
            }
            eprintln!(
                "{:<24} {:<12} {ran:>3} cases, worst {:.2} of its budget",
                kernel.name, variant.name, worst.share
            );
            if ran == 0 && variant.name == "naive" {
                failures.push(format!("{} naive ran no case", kernel.name));
            }
        }
    }
    failures
}

#[test]
fn every_variant_agrees_with_its_twin_within_budget_with_checked_shaders() {
    let failures = run_all(true);
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_variant_agrees_with_its_twin_within_budget_as_shipped() {
    let failures = run_all(false);
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Random draws and exact kernels must give the same bits on every driver. With `WEIGHTPROOF_DIGESTS=FILE` this writes a
/// digest of all buffers after each such case, variant `naive`; two files from two drivers must be equal.
#[test]
fn exact_cases_can_be_compared_between_drivers() {
    let Some(path) = std::env::var_os("WEIGHTPROOF_DIGESTS") else { return };
    let device = common::device(false);
    let mut lines = String::new();
    for kernel in KERNELS {
        let mut target = device.target.clone();
        target.forced = vec![("*".into(), "naive".into())];
        for case in (kernel.cases)() {
            let at = format!("{} \"{}\"", kernel.name, case.name);
            let built = case.build(&target).unwrap_or_else(|e| panic!("{at}: {e}"));
            let budget = |name| kernels::find(name).expect("a plan names known kernels").budget;
            if !case.exact && built.plan.commands.iter().any(|c| !matches!(budget(c.kernel), Budget::Exact)) {
                continue;
            }
            let (mut runner, loaded) = common::load(&device, built.plan, &built.data);
            runner.run_commands(&loaded, 0..loaded.plan.commands.len()).unwrap_or_else(|e| panic!("{at}: {e}"));
            let mut digest = Sha256::new();
            for (i, b) in loaded.plan.buffers.iter().enumerate() {
                let words = runner.read_buffer(&loaded, i).unwrap_or_else(|e| panic!("{at}: {}: {e}", b.name));
                words.iter().for_each(|w| digest.update(w.to_le_bytes()));
            }
            let hex: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
            lines += &format!("{at} {hex}\n");
        }
    }
    std::fs::write(&path, lines).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
