//! `show`, `data list`, `--help`.

use crate::{Place, Ran, small};

#[test]
fn show_prints_what_it_is_asked_for() {
    let place = Place::new();
    for (args, words) in [
        ("show --devices", vec!["0: "]),
        (
            "show --projections",
            vec!["none", "sign", "addnorm:S", "stuck:P0,P1", "drift:NU,T", "except", "x8", "FILE.wgsl:P0,P1,P2"],
        ),
        ("show --preset", vec!["demo/digits", "merolla2016/cifar10/tr-stochm-c"]),
        ("show --preset demo/digits", vec!["projection = \"stochm:0.5\"", "conv2", "8x8"]),
        ("show --plan demo/digits", vec!["plan train", "conv1.forward", "conv1.grad_weight", "optimizer.adam"]),
        ("show --plan demo/digits --set width=0.25", vec!["plan train"]),
        ("show --plan demo/digits --variant conv2d.forward=naive", vec!["conv2d.forward/naive"]),
        ("show --shader", vec!["conv2d.forward", "naive", "project.apply"]),
        ("show --shader conv2d.forward", vec!["fn main", "@compute"]),
        ("show --shader conv2d.forward=lanes", vec!["fn main", "@compute"]),
        ("data list", vec!["digits", "cifar10", "licence", "data folder: "]),
    ] {
        let out = place.run(args).ok();
        for word in words {
            assert!(out.contains(word), "{args}: \"{word}\" is not in {out}");
        }
    }
}

#[test]
fn every_subcommand_explains_itself() {
    let place = Place::new();
    let help = place.run("--help").ok();
    for name in
        ["train", "eval", "check", "profile", "distort", "show", "data", "data fetch", "data verify", "data list"]
    {
        let out = place.run(&format!("{name} --help")).ok();
        assert!(out.contains("Usage: ") && out.contains("--device"), "{out}");
        assert!(help.contains(name.split(' ').next().unwrap()), "{help}");
    }
    assert!(place.run("--version").ok().starts_with("weightproof "));
}

#[test]
fn a_shader_can_be_had_as_spirv() {
    let place = Place::new();
    place.run("show --shader relu.forward=vec4 --spirv -o relu.spv").ok();
    let bytes = std::fs::read(place.path("relu.spv")).unwrap();
    assert!(bytes.len() > 200 && bytes.len().is_multiple_of(4), "{} bytes", bytes.len());
    assert_eq!(bytes[..4], 0x0723_0203u32.to_le_bytes());
    place.run("show --shader relu.forward=vec4 --spirv -o gone/relu.spv").refused(&["gone/relu.spv"]);
    place.run("show --preset --spirv").refused(&["--shader"]);
}

#[test]
fn a_shader_can_be_had_as_metal_and_dx12_get_it() {
    let place = Place::new();
    let msl = place.run("show --shader relu.forward=vec4 --msl").ok();
    assert!(msl.contains("kernel void main_(") && msl.contains("[[buffer(0)]]"), "{msl}");
    let hlsl = place.run("show --shader relu.forward=vec4 --hlsl").ok();
    assert!(hlsl.contains("void main(") && hlsl.contains("register(t0)"), "{hlsl}");
    place.run("show --shader relu.forward=vec4 --hlsl -o relu.hlsl").ok();
    assert_eq!(std::fs::read_to_string(place.path("relu.hlsl")).unwrap(), hlsl);
    let matrices = "roof/roof.matrix.coop.wgsl: HLSL has no matrices";
    place.run("show --shader roof.matrix=coop --hlsl").refused(&[matrices, "DX12"]);
    place.run("show --shader relu.forward --msl --hlsl").refused(&["--hlsl"]);
    place.run("show --preset --msl").refused(&["--shader"]);
}

/// What drivers and their loader print by themselves is kept from the terminal: Mesa's layer complains of windows, which
/// nobody opens, where there is no `XDG_RUNTIME_DIR`.
#[test]
fn nothing_is_said_on_stderr_but_by_the_program() {
    let place = Place::new();
    for args in ["show --devices", "show --plan demo/digits", "check relu.forward", &small("run", "--set steps=2")] {
        let output = place.command(args).env_remove("XDG_RUNTIME_DIR").output().expect("the program starts");
        let ran = Ran::of(output);
        let own = |line: &str| line.starts_with("[INFO ] ") || line.starts_with("[WARN ] ");
        assert!(ran.err.lines().all(own), "{args}: {}", ran.err);
        assert!(!ran.ok().is_empty(), "{args}");
    }
    // With a driver of Mesa before 23, -v shows the complaint; with any driver it shows more of the program's own words.
    let output = place.command("check relu.forward -v").env_remove("XDG_RUNTIME_DIR").output();
    let ran = Ran::of(output.expect("the program starts"));
    assert!(ran.err.contains("[INFO ] adapter: "), "{}", ran.err);
    if ran.out.contains("llvmpipe Mesa 22.") {
        assert!(ran.err.contains("XDG_RUNTIME_DIR"), "{}", ran.err);
    }
}
