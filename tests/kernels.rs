//! Every case of every variant of every kernel against its twin, on the adapter at hand.
//!
//! `WEIGHTPROOF_KERNEL=conv2d` selects kernels by a part of the name, `WEIGHTPROOF_DEVICE` the adapter. A driver on the CPU
//! takes minutes to compile all shaders twice: there every other shape is checked with bounds checks in the shaders, the
//! rest as shipped, the former with maps of 16-bit floats besides. `WEIGHTPROOF_SHAPES=all` asks for every shape in every
//! way, `WEIGHTPROOF_SHAPES=shipped` for the shaders as shipped alone, `some` for every fourth shape of these. Maps of 16-bit floats are checked as shipped alone:
//! where they are read and written does not differ from those of 32 bits.
//!
//! `WEIGHTPROOF_RAN` names a file to which a line is added for every variant that ran: kernel, variant, number of cases.

mod common;

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};
use weightproof::check::{Report, Share, Twins, check, trials};
use weightproof::gpu::{Device, Runner};
use weightproof::kernels::{self, Budget, CHAINS, KERNELS, Kernel, relu, texels};
use weightproof::plan::{AdapterClass, Builder, Elem, Layout, Role, TEXELS_PER_ROW, Target};

/// `WEIGHTPROOF_SHAPES=some` runs every shape of this number, and at least one case of every variant.
const SOME: usize = 4;

/// Part of the work: a kernel in one mode, with the twins of all its modes.
struct Unit {
    kernel: &'static Kernel,
    checked: bool,
    share: Share,
    twins: Arc<Twins>,
}

impl Unit {
    /// Runs it: the cases that ran with `naive`, and the failures.
    fn run(&self, device: &Arc<Device>) -> (usize, Vec<String>) {
        let mode = if self.checked { "checked" } else { "as shipped" };
        let mut naive = 0;
        let mut failures = vec![];
        let mut ran = String::new();
        let reports = check(device, self.kernel, self.share, &self.twins);
        for mut r in reports.unwrap_or_else(|e| panic!("{}: {e}", self.kernel.name)) {
            if r.cases == 0 && self.share.of == SOME {
                self.first_case(device, &mut r);
            }
            eprintln!(
                "{:<28} {:<10} {mode:<10} {:>3} cases, worst {:.2} of its budget",
                r.kernel, r.variant, r.cases, r.worst.share
            );
            failures.extend(r.failures.iter().map(|f| format!("{} {} {mode} {f}", r.kernel, r.variant)));
            if r.cases > 0 {
                ran += &format!("{} {} {}\n", r.kernel, r.variant, r.cases);
            }
            naive += if r.variant == "naive" { r.cases } else { 0 };
        }
        if let Some(path) = std::env::var_os("WEIGHTPROOF_RAN") {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
            let written = file.and_then(|mut file| file.write_all(ran.as_bytes()));
            written.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        (naive, failures)
    }

    /// Runs the first case that a variant can run, where its share of the shapes has none: fewer shapes, never fewer variants.
    fn first_case(&self, device: &Arc<Device>, report: &mut Report) {
        let mut runner = Runner::new(device.clone());
        let all = trials(&device.target, self.kernel, Share::WHOLE).expect("cases that can be planned");
        let own = all.iter().filter(|t| t.variant == report.variant);
        let first = own.map(|t| t.run(&mut runner, &self.twins).expect("the device runs a case")).find(Option::is_some);
        if let Some(outcome) = first.flatten() {
            report.cases = 1;
            report.worst = outcome.worst;
            report.failures = outcome.failures;
        }
    }
}

#[test]
fn every_variant_agrees_with_its_twin_within_budget() {
    let device = common::device(false);
    eprintln!("adapter: {}", device.info);
    let shapes = std::env::var("WEIGHTPROOF_SHAPES").unwrap_or_default();
    let whole = |checked: bool| (checked, Share { halves: (!checked).then_some(0), ..Share::WHOLE });
    let modes = match shapes.as_str() {
        "" if device.target.adapter.class == AdapterClass::Software => vec![
            (true, Share { of: 2, singles: 1, halves: None }),
            (false, Share { of: 2, singles: 0, halves: Some(1) }),
        ],
        "" | "all" => vec![whole(true), whole(false)],
        "shipped" => vec![whole(false)],
        "some" => vec![(false, Share { of: SOME, singles: 0, halves: Some(1) })],
        other => panic!("WEIGHTPROOF_SHAPES is {other:?}; it may be all, shipped or some"),
    };
    let covered = modes.len() / modes[0].1.of;
    let only = std::env::var("WEIGHTPROOF_KERNEL").unwrap_or_default();
    let mut chosen: Vec<&'static Kernel> = KERNELS.iter().copied().filter(|k| k.name.contains(&only)).collect();
    // What takes long is begun first.
    chosen.sort_by_key(|k| Reverse((k.cases)().len() * k.variants.len()));
    let units = chosen.iter().flat_map(|&kernel| {
        let twins = Arc::new(Twins::of_cases());
        modes.iter().map(move |&(checked, share)| Unit { kernel, checked, share, twins: twins.clone() })
    });
    let units = Mutex::new(units);
    let work = || {
        // A driver on the CPU compiles and runs what comes to a queue in one thread: each worker has its own.
        let devices = [const { OnceCell::new() }; 2];
        let device = |checked: bool| devices[usize::from(checked)].get_or_init(|| common::open(checked));
        let take = || units.lock().unwrap().next();
        std::iter::from_fn(take).map(|unit| (unit.kernel.name, unit.run(device(unit.checked)))).collect::<Vec<_>>()
    };
    let mut failures = vec![];
    let mut naive = HashMap::new();
    thread::scope(|s| {
        let threads: Vec<_> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| s.spawn(work)).collect();
        for t in threads {
            for (kernel, (cases, failed)) in t.join().expect("a kernel could not be checked: see above") {
                *naive.entry(kernel).or_insert(0) += cases;
                failures.extend(failed);
            }
        }
    });
    for kernel in chosen {
        let (ran, all) = (naive[kernel.name], covered * (kernel.cases)().len());
        // Of some shapes a kernel has one at least.
        if if covered > 0 { ran != all } else { ran == 0 } {
            failures.push(format!("{} naive ran {ran} cases of {all}", kernel.name));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A chain that no target can take any more would be checked by nobody, without a word.
#[test]
fn every_chain_runs_cases_on_software_drivers_or_gpus() {
    let software = Target::baseline().with(|a| a.subgroup = Some(8));
    let gpu = Target::baseline().with(|a| a.class = AdapterClass::Gpu);
    for chain in CHAINS {
        let kernel = kernels::find(chain.kernel).expect("a chain is of a kernel");
        let runs = |target: &Target| {
            // As `check` forces it, with no knobs behind the colon.
            let target = target.forcing(kernel.name, &format!("{}:", chain.name));
            (kernel.cases)().iter().filter(|case| case.build(&target).is_ok()).count()
        };
        assert!(runs(&software) + runs(&gpu) > 0, "{} {}", kernel.name, chain.name);
    }
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
        target.options.forced = vec![("*".into(), "naive".into())];
        for case in (kernel.cases)() {
            let at = format!("{} \"{}\"", kernel.name, case.name);
            let built = case.build(&target).unwrap_or_else(|e| panic!("{at}: {e}"));
            let budget = |name| kernels::find(name).expect("a plan names known kernels").budget;
            if !case.exact && built.plan.dispatches().any(|c| !matches!(budget(c.kernel), Budget::Exact)) {
                continue;
            }
            let (mut runner, loaded) = common::load(&device, &built.plan, &built.data);
            runner.run_commands(&loaded, loaded.all()).unwrap_or_else(|e| panic!("{at}: {e}"));
            let mut digest = Sha256::new();
            for (i, b) in built.plan.buffers.iter().enumerate() {
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
    let copy = texels::copy(&mut b, "copy", x, Layout::InOrder).unwrap();
    assert_eq!(texels::copy(&mut b, "again", x, Layout::InOrder).unwrap(), copy);
    let z = b.buffer("z", Elem::F32, &[len], Role::State);
    relu::forward(&mut b, "relu", 1, z, x).unwrap();
    assert_ne!(texels::copy(&mut b, "after relu wrote x", x, Layout::InOrder).unwrap(), copy);
    let plan = b.finish().unwrap();
    assert_eq!(plan.commands.len() - plan.dispatches().count(), 2);
    let words: Vec<u32> = (0..64 + len as u32).map(|i| (i as f32 - 99_000.0).to_bits()).collect();
    let (mut runner, loaded) = common::load(&device, &plan, &[("x".into(), words.clone())]);
    runner.run_commands(&loaded, 0..1).unwrap();
    assert_eq!(runner.read_buffer(&loaded, copy.buffer.0 as usize).unwrap(), words[64..]);
}

#[test]
fn arrays_copied_group_by_group_are_there_whole_beside_a_copy_in_order() {
    let device = common::device(true);
    let mut b = Builder::new("groups", device.target.clone());
    // Fewer rows than lie abreast, exactly as many, and a row more; from a view that does not begin with its buffer.
    for (rows, groups, part) in [(3, 2, 4), (16, 1, 64), (33, 3, 12), (2 * 27 * 27, 2, 32)] {
        let len = rows * groups * part * 4;
        let (name, layout) = (format!("x{rows}"), Layout::ByGroup { groups, part });
        let x = b.buffer(&name, Elem::F32, &[64 + len], Role::State).slice(64..64 + len);
        let copy = texels::copy(&mut b, "copy", x, layout).unwrap();
        assert_eq!(texels::copy(&mut b, "again", x, layout).unwrap(), copy);
        assert_ne!(texels::copy(&mut b, "in order", x, Layout::InOrder).unwrap(), copy);
    }
    let plan = b.finish().unwrap();
    let words = |len: usize| (0..len as u32).map(|i| (i as f32 - 999.0).to_bits()).collect::<Vec<_>>();
    let inputs = plan.buffers.iter().filter(|b| b.role == Role::State);
    let inputs: Vec<_> = inputs.map(|b| (b.name.clone(), words(b.len()))).collect();
    let (mut runner, loaded) = common::load(&device, &plan, &inputs);
    runner.run_commands(&loaded, loaded.all()).unwrap();
    for (i, b) in plan.buffers.iter().enumerate().filter(|(_, b)| b.texels.is_some()) {
        assert_eq!(runner.read_buffer(&loaded, i).unwrap(), words(64 + b.len())[64..], "{} {:?}", b.name, b.texels);
    }
}
