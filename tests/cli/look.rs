//! `show`, `data list`, `--help`.

use crate::Place;

#[test]
fn show_prints_what_it_is_asked_for() {
    let place = Place::new();
    for (args, words) in [
        ("show --devices", vec!["0: "]),
        ("show --projections", vec!["none", "sign", "addnorm:S", "stuck:P0,P1", "drift:NU,T", "except", "x8"]),
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
