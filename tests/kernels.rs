//! Every case of every variant of every kernel against its twin, on the adapter at hand.
//!
//! `WEIGHTPROOF_KERNEL=conv2d` selects kernels by a part of the name, `WEIGHTPROOF_DEVICE` the adapter.

mod common;

use sha2::{Digest, Sha256};
use weightproof::check::check;
use weightproof::kernels::{self, Budget, KERNELS};

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

/// Random draws and exact kernels must give the same bits on every driver. This makes a digest of all buffers after each
/// such case, variant `naive`, and writes them to the file `WEIGHTPROOF_DIGESTS`, if given; the files of two drivers must
/// be equal.
#[test]
fn exact_cases_have_digests_to_compare_between_drivers() {
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
    assert!(lines.lines().count() > KERNELS.len(), "hardly any case is exact:\n{lines}");
    if let Some(path) = std::env::var_os("WEIGHTPROOF_DIGESTS") {
        std::fs::write(&path, lines).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}
