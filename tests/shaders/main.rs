//! Everything about the shaders that needs no adapter: they compose, parse, validate and bind, in every variant and with
//! every value of every knob; the host gives their constants; no file lies unused.

mod backends;
#[path = "../common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::halves;
use rayon::prelude::*;
use weightproof::error::Error;
use weightproof::gpu::compose::{self, Include, Settings, compose};
use weightproof::gpu::reflect::{Reflected, reflect};
use weightproof::kernels::{KERNELS, Kernel, Knobs, Presence, Variant, matrices, shaders, tuning};
use weightproof::plan::{AdapterClass, Matrices, Target};

fn load(kernel: &Kernel, variant: &Variant, knobs: &[(String, u32)], halves: &[&str]) -> Result<Reflected, String> {
    let composed = compose::variant(kernel, variant, &Settings { knobs, halves, params: None, own: &[] })?;
    reflect(kernel, variant, &composed)
        .map_err(|e| format!("{} {}, knobs {knobs:?}, f16 {halves:?}: {e}", kernel.name, variant.name))
}

/// Files under `shaders/` with this extension, as paths relative to it.
fn files(extension: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut found = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("shaders/ is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let relative = path.strip_prefix(&root).expect("below the root");
                found.insert(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

#[test]
fn every_variant_composes_validates_and_binds_by_name() {
    let mut bad = vec![];
    for kernel in KERNELS {
        for variant in kernel.variants {
            for name in Knobs::arguments(kernel.source(variant)) {
                if kernel.given([name]).is_empty() {
                    bad.push(format!("{}: `{name}` is no optional argument of {}", kernel.file(variant), kernel.name));
                }
            }
            bad.extend(halves(kernel, variant).iter().filter_map(|halves| load(kernel, variant, &[], halves).err()));
            for (name, default, allowed) in Knobs::constants(kernel.source(variant)) {
                if !allowed.contains(&default) {
                    bad.push(format!(
                        "{}: the default {default} of {name} is not among {allowed:?}",
                        kernel.file(variant)
                    ));
                }
            }
            // The knobs that are chosen, not found, are in the test below.
            let facts = Knobs::combinations(&Knobs::facts(kernel.source(variant)));
            bad.extend(facts.iter().filter_map(|facts| load(kernel, variant, &facts.0, &[]).err()));
        }
    }
    assert!(bad.is_empty(), "{} errors:\n{}", bad.len(), bad.join("\n"));
}

/// The back end of wgpu's Vulkan side refuses some of what the validator accepts, above all around matrices, and panics
/// over it: every variant must pass it with every value of every knob, whatever the sizes of subgroups and matrices, whether
/// or not an adapter here can run it.
#[test]
fn every_variant_becomes_spirv_with_every_combination_of_knobs_and_facts() {
    let all = KERNELS.iter().flat_map(|kernel| kernel.variants.iter().map(move |variant| (*kernel, variant)));
    all.collect::<Vec<_>>().into_par_iter().for_each(|(kernel, variant)| {
        let knobs = Knobs::combinations(&Knobs::constants(kernel.source(variant)));
        let mixed = halves(kernel, variant).into_iter().skip(1).map(|halves| (Knobs::default(), halves));
        for (knobs, halves) in knobs.into_iter().map(|k| (k, vec![])).chain(mixed) {
            let at = format!("{} {} {knobs:?} f16 {halves:?}", kernel.name, variant.name);
            let settings = Settings { knobs: &knobs.0, halves: &halves, params: None, own: &[] };
            let composed = compose::variant(kernel, variant, &settings).unwrap_or_else(|e| panic!("{at}: {e}"));
            let module = naga::front::wgsl::parse_str(&composed.text).unwrap_or_else(|e| panic!("{at}: {e}"));
            let (flags, all) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
            let info = naga::valid::Validator::new(flags, all).validate(&module);
            let info = info.unwrap_or_else(|e| panic!("{at}: {e}"));
            let options = naga::back::spv::Options { lang_version: (1, 6), ..Default::default() };
            let words = naga::back::spv::write_vec(&module, &info, &options, None);
            assert!(words.unwrap_or_else(|e| panic!("{at}: {e}")).len() > 100, "{at}");
            if let Some(counted) = matrices::workgroup(kernel, variant, &Knobs::full(kernel.source(variant), &knobs.0))
            {
                assert_eq!(counted, workgroup(&module), "{at}: invocations and bytes of a workgroup");
            }
        }
    });
}

/// Invocations of a workgroup, and bytes of its memory.
fn workgroup(module: &naga::Module) -> (u32, usize) {
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).expect("a valid module");
    let shared = module.global_variables.iter().filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup);
    let bytes = shared.map(|(_, v)| layouter[v.ty].size as usize).sum();
    (module.entry_points[0].workgroup_size.iter().product(), bytes)
}

#[test]
fn files_are_called_after_kernel_and_variant_and_none_lies_unused() {
    let mut used: BTreeSet<String> = shaders::pieces().map(|(path, _)| path.into()).collect();
    for kernel in KERNELS {
        for variant in kernel.variants {
            used.insert(kernel.file(variant));
        }
    }
    assert_eq!(files("wgsl"), used);
}

/// Whether a piece is whole by itself: what is common to kernels, and the projections.
fn is_whole(path: &str) -> bool {
    path.starts_with("common/") || path.starts_with("project/") && path != "project/apply.wgsl"
}

#[test]
fn every_common_piece_parses_on_its_own_and_binds_nothing() {
    for (path, text) in shaders::pieces().filter(|(path, _)| is_whole(path)) {
        let composed = compose(path, text, &Settings::default()).unwrap_or_else(|e| panic!("{e}"));
        if let Err(e) = naga::front::wgsl::parse_str(&composed.text) {
            panic!("{path}: {}", e.emit_to_string(&composed.text));
        }
        let code = text.lines().map(|l| l.split("//").next().unwrap_or_default());
        assert!(code.clone().all(|l| !l.contains("@group") && !l.contains("@compute")), "{path}");
    }
}

/// Parts are whole only in the files that include them, and the other tests see them there.
#[test]
fn every_part_is_of_some_variant_and_leaves_knobs_to_it_and_bindings_but_those_of_optional_arguments() {
    let own = KERNELS.iter().flat_map(|k| k.variants.iter().map(|v| k.source(v)));
    let texts = own.chain(shaders::pieces().map(|(_, text)| text));
    let includes = texts.flat_map(str::lines).filter_map(|l| Include::of(l).unwrap_or_else(|e| panic!("{e}")));
    let included: BTreeSet<&str> = includes.flat_map(Include::paths).collect();
    let optional =
        KERNELS.iter().flat_map(|k| k.args).filter(|a| !matches!(a.presence, Presence::Always | Presence::Without(_)));
    let optional: BTreeSet<&str> = optional.map(|a| a.name).collect();
    // `@group(0) @binding(4) var<storage, read> table: ...`
    let bound =
        |l: &str| l.split_once('>').and_then(|(_, l)| l.split_once(':')).map(|(name, _)| name.trim().to_owned());
    for (path, text) in shaders::pieces().filter(|(path, _)| !is_whole(path)) {
        assert!(included.contains(path), "nothing includes {path}");
        let code = text.lines().map(|l| l.split("//").next().unwrap_or_default());
        let bindings = code.filter(|l| l.contains("@group")).map(|l| bound(l).unwrap_or_default());
        let of_others: Vec<String> = bindings.filter(|name| !optional.contains(name.as_str())).collect();
        assert!(of_others.is_empty() && Knobs::declared(text).is_empty(), "{path}: {of_others:?}");
    }
}

#[test]
fn kernels_have_distinct_names_and_start_with_naive() {
    let names: BTreeSet<&str> = KERNELS.iter().map(|k| k.name).collect();
    assert_eq!(names.len(), KERNELS.len());
    for kernel in KERNELS {
        assert_eq!(kernel.variants[0].name, "naive", "{}", kernel.name);
        let variants: BTreeSet<&str> = kernel.variants.iter().map(|v| v.name).collect();
        assert_eq!(variants.len(), kernel.variants.len(), "{}", kernel.name);
    }
}

#[test]
fn the_tuning_table_names_what_exists() {
    assert_eq!(tuning::check(tuning::shipped()), Vec::<String>::new());
}

/// What is wrong with the constants that the host gives in the cases of a variant.
fn wrong_constants(kernel: &Kernel, variant: &Variant) -> BTreeSet<String> {
    let mut shaders: BTreeMap<(&str, &str), Reflected> = BTreeMap::new();
    let mut texts = BTreeSet::new();
    let mut bad = BTreeSet::new();
    // Software adapters with subgroups of 8 and of 16, and a GPU with matrix units: each variant can run on one.
    let software = |lanes| Target::baseline().with(|a| (a.subgroup, a.int64) = (Some(lanes), true));
    let matrices = Some(Matrices { size: 16, scalars: false });
    let gpu = software(32).with(|a| {
        (a.class, a.matrices) = (AdapterClass::Gpu, matrices);
        a.limits.max_workgroup_memory = 48 << 10;
    });
    let targets = [software(8), software(16), gpu];
    let mut ran = 0;
    for case in (kernel.cases)() {
        let build = |target: &Target| match case.build(&target.forcing(kernel.name, variant.name)) {
            Err(Error::Unsupported { .. }) => None,
            built => Some(built.unwrap_or_else(|e| panic!("{} {} \"{}\": {e}", kernel.name, variant.name, case.name))),
        };
        let Some(built) = targets.iter().find_map(build) else { continue };
        for c in built.plan.dispatches() {
            let k = weightproof::kernels::find(c.kernel).expect("a known kernel");
            let v = k.variant(c.variant).expect("a known variant");
            ran += usize::from(c.kernel == kernel.name && c.variant == variant.name);
            let shader = shaders
                .entry((c.kernel, c.variant))
                .or_insert_with(|| load(k, v, &[], &[]).unwrap_or_else(|e| panic!("{e}")));
            if k.baked(v) {
                let settings = Settings { knobs: &c.knobs, halves: &c.halves(), params: Some(&c.params), own: &[] };
                let baked = compose::variant(k, v, &settings);
                let reflected = baked.and_then(|composed| match texts.insert(composed.text.clone()) {
                    true => reflect(k, v, &composed).map(|_| ()),
                    false => Ok(()),
                });
                bad.extend(reflected.err().map(|e| format!("{} {}, baked: {e}", c.kernel, c.variant)));
            }
            bad.extend(shader.pack(&c.params).err().map(|e| format!("{} {}: {e}", c.kernel, c.variant)));
        }
    }
    if ran == 0 {
        bad.insert(format!("no case runs {} {}", kernel.name, variant.name));
    }
    bad
}

#[test]
fn the_host_gives_a_value_for_every_constant_of_every_variant_and_no_other() {
    let all: Vec<_> = KERNELS.iter().flat_map(|k| k.variants.iter().map(move |v| (*k, v))).collect();
    let bad: BTreeSet<String> = all.into_par_iter().flat_map_iter(|(k, v)| wrong_constants(k, v)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}
