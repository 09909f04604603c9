//! Every case of every variant of every kernel against its twin, on the adapter at hand.
//!
//! `WEIGHTPROOF_KERNEL=conv2d` selects kernels by a part of the name, `WEIGHTPROOF_DEVICE` the adapter. A driver on the CPU
//! takes minutes to compile all shaders twice: there the shapes that a shader is compiled for are checked in one of the
//! two modes, by turns, unless `WEIGHTPROOF_SHAPES=all`; `WEIGHTPROOF_SHAPES=shipped` leaves the checked shaders out.
//! Maps of 16-bit floats are checked as shipped alone.

mod common;

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest, Sha256};
use weightproof::check::{Share, Twins, check};
use weightproof::kernels::{self, Budget, KERNELS, Kernel, relu, texels};
use weightproof::plan::{AdapterClass, Builder, Elem, Role, TEXELS_PER_ROW};

/// What one kernel comes to in each mode, with checked shaders or as shipped; all are held against the same twins.
fn failures_of(kernel: &'static Kernel, modes: &[bool], by_turns: bool) -> Vec<String> {
    let mut twins = Twins::of_cases();
    let mut failures = vec![];
    for &checked in modes {
        let device = common::device(checked);
        // Where a map of 16-bit floats is read and written does not differ from one of f32.
        let halves = !checked;
        let share = if by_turns {
            Share { number: usize::from(checked), of: 2, halves }
        } else {
            Share { halves, ..Share::WHOLE }
        };
        let mode = if checked { "checked" } else { "as shipped" };
        for r in check(&device, kernel, share, &mut twins).unwrap_or_else(|e| panic!("{}: {e}", kernel.name)) {
            eprintln!(
                "{:<28} {:<10} {mode:<10} {:>3} cases, worst {:.2} of its budget",
                r.kernel, r.variant, r.cases, r.worst.share
            );
            failures.extend(r.failures.iter().map(|f| format!("{} {} {mode} {f}", r.kernel, r.variant)));
            if r.variant == "naive" && r.cases != (kernel.cases)().len() {
                failures.push(format!("{} naive ran {} cases only", r.kernel, r.cases));
            }
        }
    }
    failures
}

#[test]
fn every_variant_agrees_with_its_twin_within_budget() {
    let device = common::device(false);
    eprintln!("adapter: {}", device.info);
    let shapes = std::env::var("WEIGHTPROOF_SHAPES").unwrap_or_default();
    let by_turns = device.target.class == AdapterClass::Software && shapes.is_empty();
    let modes: &[bool] = match shapes.as_str() {
        "" | "all" => &[true, false],
        "shipped" => &[false],
        other => panic!("WEIGHTPROOF_SHAPES is {other:?}; it may be all or shipped"),
    };
    let only = std::env::var("WEIGHTPROOF_KERNEL").unwrap_or_default();
    let mut chosen: Vec<&'static Kernel> = KERNELS.iter().copied().filter(|k| k.name.contains(&only)).collect();
    // What takes long is begun first.
    chosen.sort_by_key(|k| Reverse((k.cases)().len() * k.variants.len()));
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || chosen.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).flat_map(|kernel| failures_of(kernel, modes, by_turns)).collect::<Vec<_>>()
    };
    let failures: Vec<String> = thread::scope(|s| {
        let threads: Vec<_> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| s.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().expect("a kernel could not be checked: see above")).collect()
    });
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
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
                // WGSL leaves the sign of a zero to the compiler.
                let is_zero = |w: u32| b.elem == Elem::F32 && w == (-0f32).to_bits();
                words.iter().for_each(|&w| digest.update(if is_zero(w) { 0 } else { w }.to_le_bytes()));
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

#[test]
fn an_array_copied_into_a_texture_is_there_whole_and_copied_once_until_it_is_written() {
    let device = common::device(true);
    let mut b = Builder::new("texels", device.target.clone());
    // Two whole rows of texels and a part of the third, from a view that does not begin with its buffer.
    let len = 4 * (2 * TEXELS_PER_ROW + 17);
    let x = b.buffer("x", Elem::F32, &[64 + len], Role::State).slice(64..64 + len);
    let copy = texels::copy(&mut b, "copy", x).unwrap();
    assert_eq!(texels::copy(&mut b, "again", x).unwrap(), copy);
    let z = b.buffer("z", Elem::F32, &[len], Role::State);
    relu::forward(&mut b, "relu", 1, z, x).unwrap();
    assert_ne!(texels::copy(&mut b, "after relu wrote x", x).unwrap(), copy);
    let plan = b.finish().unwrap();
    assert_eq!(plan.commands.iter().filter(|c| c.kernel == texels::COPY.name).count(), 2);
    let words: Vec<u32> = (0..64 + len as u32).map(|i| (i as f32 - 99_000.0).to_bits()).collect();
    let (mut runner, loaded) = common::load(&device, plan, &[("x".into(), words.clone())]);
    runner.run_commands(&loaded, 0..1).unwrap();
    assert_eq!(runner.read_buffer(&loaded, copy.buffer.0 as usize).unwrap(), words[64..]);
}
