//! What the shaders become on the backends that no machine of continuous integration has: every text that wgpu would give
//! to Metal or DX12 is written, and what cannot be written is told by a fact of the adapter before it is tried.

use std::collections::BTreeSet;

use crate::common::halves;
use rayon::prelude::*;
use weightproof::error::Error;
use weightproof::gpu::compose::{self, Settings, compose};
use weightproof::gpu::translate::{Language, text};
use weightproof::kernels::{Constant, KERNELS, Kernel, Knobs, Variant};
use weightproof::plan::{Adapter, AdapterClass, Dispatch, Limits, Matrices, Target};

/// An adapter as its driver would tell of it, and the language that its backend is given.
struct World {
    name: &'static str,
    language: Language,
    target: Target,
}

/// Adapters of Metal and DX12, from the least to the most that they offer.
fn worlds() -> Vec<World> {
    let gpu = Adapter {
        class: AdapterClass::Gpu,
        limits: Limits {
            max_invocations: 1024,
            max_workgroup_memory: 32 << 10,
            max_texture: 16_384,
            ..Adapter::baseline().limits
        },
        ..Adapter::baseline()
    };
    let all = Adapter { int64: true, float16: true, subgroup: Some(32), ..gpu.clone() };
    // DX12 has textures, but none that copies could fill where arrays begin.
    let buffers = Limits { max_texture: 0, ..gpu.limits };
    let lanes = |lanes: u32| Adapter { subgroup: Some(lanes), limits: buffers, ..all.clone() };
    let matrices = |adapter: Adapter| Adapter { matrices: Some(Matrices { size: 8, scalars: true }), ..adapter };
    let world = |name, language, adapter: Adapter| World { name, language, target: adapter.into() };
    let software = Adapter { class: AdapterClass::Software, float16: false, ..lanes(4) };
    vec![
        // It has subgroups, of a size that is not known.
        world("Metal of macOS 10.15 on an Intel GPU", Language::Msl(2, 2), Adapter { float16: true, ..gpu.clone() }),
        world("Metal of macOS 11 on an Apple GPU", Language::Msl(2, 3), matrices(all.clone())),
        world("Metal of macOS 26 on an Apple GPU", Language::Msl(4, 0), matrices(all.clone())),
        world("DX12 with the compiler of Windows", Language::Hlsl(5, 1), Adapter { limits: buffers, ..gpu }),
        world("DX12 on WARP", Language::Hlsl(6, 2), software),
        world("DX12 without 16-bit floats", Language::Hlsl(6, 0), Adapter { float16: false, ..lanes(64) }),
        world("DX12 with subgroups of 8", Language::Hlsl(6, 2), lanes(8)),
        world("DX12 with subgroups of 16", Language::Hlsl(6, 6), lanes(16)),
        world("DX12 with subgroups of 32", Language::Hlsl(6, 6), lanes(32)),
    ]
}

fn every_variant() -> Vec<(&'static Kernel, &'static Variant)> {
    KERNELS.iter().flat_map(|k| k.variants.iter().map(move |v| (*k, v))).collect()
}

/// What a text must be refused for whatever the adapter: DX12 has no matrices of subgroups, Metal has those of 8 x 8.
fn never_written(variant: &Variant, wgsl: &str, language: Language) -> Option<&'static str> {
    match language {
        Language::Hlsl(..) if wgsl.contains("coop_mat") => Some("HLSL has no matrices"),
        Language::Msl(..) if wgsl.contains("coop_mat16x16") => Some("Metal's matrices of subgroups are 8 x 8"),
        Language::Msl(..) if wgsl.contains("coop_mat8x8") && wgsl.contains("const SCALARS: bool = false;") => {
            Some("a matrix is loaded from vectors or stored to them")
        }
        // They add the sums of products of parts.
        Language::Msl(..) if ["coop_split", "coop_ternary"].contains(&variant.name) => {
            Some("matrices are added or scaled")
        }
        _ => None,
    }
}

#[test]
fn every_variant_is_written_for_metal_and_dx12_with_every_combination_of_knobs() {
    let wrong = |(kernel, variant): (&Kernel, &Variant)| {
        let combinations = |of: &[Constant]| Knobs::combinations(of).into_iter().map(|k| k.0).collect::<Vec<_>>();
        let (declared, facts) = (
            combinations(&Knobs::declared(kernel.source(variant))),
            combinations(&Knobs::facts(kernel.source(variant))),
        );
        let knobs = declared.iter().flat_map(|d| facts.iter().map(move |f| [&d[..], f].concat())).map(|k| (k, vec![]));
        let mut bad = vec![];
        for (knobs, halves) in knobs.chain(halves(kernel, variant).into_iter().map(|h| (vec![], h))) {
            let settings = Settings { knobs: &knobs, halves: &halves, params: None, own: &[] };
            let composed = compose::variant(kernel, variant, &settings).unwrap_or_else(|e| panic!("{e}"));
            for language in [Language::Msl(2, 3), Language::Hlsl(6, 2)] {
                for checked in [false, true] {
                    let written = text(&composed, language, None, checked);
                    let right = match (&written, never_written(variant, &composed.text, language)) {
                        (Ok(text), None) => text.contains("void main"),
                        (Err(e), Some(reason)) => e.starts_with(&kernel.file(variant)) && e.contains(reason),
                        _ => false,
                    };
                    let at = format!("{} {} {knobs:?} f16 {halves:?} {language:?}", kernel.name, variant.name);
                    bad.extend((!right).then(|| format!("{at}, checked {checked}: {written:?}")));
                }
            }
        }
        bad
    };
    let bad: Vec<String> = every_variant().into_par_iter().flat_map_iter(wrong).collect();
    assert!(bad.is_empty(), "{} wrong:\n{}", bad.len(), bad.join("\n"));
}

/// The commands of a variant in the cases that it runs on a target, each with other constants or knobs.
fn commands(kernel: &Kernel, variant: &Variant, target: &Target) -> Vec<Dispatch> {
    let target = target.forcing(kernel.name, variant.name);
    let mut seen = BTreeSet::new();
    let mut found = vec![];
    for case in (kernel.cases)() {
        match case.build(&target) {
            Err(Error::Unsupported { .. }) => {}
            Err(e) => panic!("{} {} \"{}\": {e}", kernel.name, variant.name, case.name),
            Ok(built) => {
                let own = |c: &Dispatch| c.kernel == kernel.name && c.variant == variant.name;
                let mut new = |c: &Dispatch| -> bool { seen.insert(format!("{:?} {:?}", c.params, c.knobs)) };
                found.extend(built.plan.dispatches().filter(|d| own(d) && new(d)).cloned());
            }
        }
    }
    found
}

/// The same adapter with all that a driver of Vulkan could add to it.
fn with_everything(world: &World) -> Target {
    let mut target = world.target.with(|a| (a.int64, a.float16) = (true, true));
    if target.adapter.class == AdapterClass::Gpu {
        target.adapter.matrices = Some(Matrices { size: 16, scalars: false });
    }
    if let Language::Hlsl(5, _) = world.language {
        target.adapter.subgroup = Some(32);
    }
    target
}

/// On each adapter: what a variant's `supports` lets run is written as plans would have it, constants baked in; what only
/// an adapter of Vulkan with the same classes and limits could run is refused by the validator or the writer.
#[test]
fn supports_excludes_on_metal_and_dx12_what_their_writers_refuse_and_nothing_else() {
    let worlds = worlds();
    let wrong = |(kernel, variant): (&Kernel, &Variant)| {
        let mut bad = vec![];
        for world in &worlds {
            let at = format!("{} {} on {}", kernel.name, variant.name, world.name);
            let write = |settings: &Settings| {
                let composed = compose::variant(kernel, variant, settings).unwrap_or_else(|e| panic!("{e}"));
                text(&composed, world.language, Some(&world.target), false)
            };
            let facts = Knobs::of_target(kernel.source(variant), &world.target);
            let plain = write(&Settings { knobs: &facts, ..Settings::default() });
            let commands = commands(kernel, variant, &world.target);
            if commands.is_empty() {
                let elsewhere = !self::commands(kernel, variant, &with_everything(world)).is_empty();
                if elsewhere && plain.is_ok() {
                    bad.push(format!("{at}: excluded, but nothing refuses it"));
                }
                continue;
            }
            bad.extend(plain.err().map(|e| format!("{at}: not excluded, but refused: {e}")));
            let sets = if world.target.adapter.float16 { halves(kernel, variant) } else { vec![vec![]] };
            for (i, c) in commands.iter().enumerate() {
                // Types do not depend on constants: with one set of these, each set of 16-bit floats.
                for halves in &sets[..if i == 0 { sets.len() } else { 1 }] {
                    let params = kernel.baked(variant).then_some(&c.params);
                    let written = write(&Settings { knobs: &c.knobs, halves, params, own: &[] });
                    bad.extend(written.err().map(|e| format!("{at}, {:?} f16 {halves:?}: {e}", c.params)));
                }
            }
        }
        bad
    };
    let bad: Vec<String> = every_variant().into_par_iter().flat_map_iter(wrong).collect();
    assert!(bad.is_empty(), "{} wrong:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn a_shader_that_cannot_be_written_is_named_with_the_reason() {
    let write = |source: &str, language| {
        let composed = compose("t.wgsl", source, &Settings::default()).unwrap_or_else(|e| panic!("{e}"));
        text(&composed, language, None, false)
    };
    let multiply = |side: u32, elem: &str| {
        let ty = |role| format!("coop_mat{side}x{side}<f32, {role}>");
        format!(
            "// t\nenable wgpu_cooperative_matrix;\n@group(0) @binding(3) var<storage, read_write> x: array<{elem}>;\n\
             @compute @workgroup_size(32) fn main() {{\n  let a = coopLoadT<{}>(&x[0], 8u);\n  let b = coopLoadT<{}>(&x[64], 8u);\n  \
             var c: {};\n  c = coopMultiplyAdd(a, b, c);\n  let stride = 8u;\n  coopStoreT(c, &x[128], stride);\n}}\n",
            ty("A"),
            ty("B"),
            ty("C")
        )
    };
    let numbers = write(&multiply(8, "f32"), Language::Msl(2, 3)).unwrap_or_else(|e| panic!("{e}"));
    assert!(numbers.contains("simdgroup_multiply_accumulate") && numbers.contains("buffer(0)"), "{numbers}");
    for (source, language, reason) in [
        (multiply(8, "f32"), Language::Hlsl(6, 6), "HLSL has no matrices"),
        (multiply(16, "f32"), Language::Msl(4, 0), "8 x 8"),
        (multiply(8, "vec4<f32>"), Language::Msl(2, 3), "numbers only"),
        (multiply(8, "f32"), Language::Msl(2, 2), "t.wgsl: "),
        ("// t\n@compute @workgroup_size(1) fn main() {}\n".into(), Language::Hlsl(7, 0), "no shader model 7.0"),
    ] {
        let e = write(&source, language).expect_err("refused");
        assert!(e.starts_with("t.wgsl: ") && e.contains(reason), "{language:?}: {e}");
    }
    // Before 6.0 there are neither 64-bit integers nor subgroups, before 6.2 no 16-bit floats.
    let uses = |line: &str| format!("// t\nenable f16;\n@compute @workgroup_size(32) fn main() {{ {line} }}\n");
    for (line, models) in [
        ("let x = u64(1); _ = x;", [false, true, true]),
        ("_ = subgroupAdd(1u);", [false, true, true]),
        ("var x = f16(1.0); x += x;", [false, false, true]),
    ] {
        let written = [(5, 1), (6, 0), (6, 2)].map(|(a, b)| write(&uses(line), Language::Hlsl(a, b)).is_ok());
        assert_eq!(written, models, "{line}");
    }
}
