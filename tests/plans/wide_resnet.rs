//! The wide residual networks of McDonnell 2018 (arXiv 1802.08530, after Zagoruyko 2016): what blocks that repeat and shortcuts
//! are for.

use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::{Target, listing};

/// WRN-20-4 for 32 x 32 pixels, as one text.
fn wide_20_4() -> String {
    let network =
        include_str!("../../models/mcdonnell2018/wrn-20-4-base.toml").replace("extends = \"base.toml\"\n", "");
    let training = include_str!("../../models/mcdonnell2018/base.toml").replace("[data]", "[data]\nset = \"cifar10\"");
    format!("name = \"wrn-20\"\nepochs = 126\nclasses = 10\n{network}\n{training}")
}

const IMAGE: [usize; 3] = [32, 32, 3];

/// Weights, and millions of multiply-adds per image.
fn size(preset: &Preset, image: [usize; 3]) -> (u64, u64) {
    let shapes = preset.shapes(image).unwrap();
    let sum = |f: fn(&weightproof::layers::LayerShape) -> u64| shapes.iter().map(f).sum::<u64>();
    (sum(|l| l.weights), (sum(|l| l.multiply_adds) as f64 / 1e6).round() as u64)
}

#[test]
fn wide_residual_networks_have_the_weights_of_the_paper() {
    let of = |name: &str, image| size(&Preset::load(format!("mcdonnell2018/{name}"), &[]).unwrap(), image);
    assert_eq!(of("cifar10/wrn-20-4-1bit", IMAGE), (4_280_512, 644));
    assert_eq!(of("cifar10/wrn-20-4-32bit", IMAGE), (4_280_512, 644));
    assert_eq!(of("svhn/wrn-20-4-1bit", IMAGE), (4_280_512, 644));
    assert_eq!(of("cifar100/wrn-20-4-1bit", IMAGE).0, 4_303_552);
    assert_eq!(of("cifar10/wrn-20-10-1bit", IMAGE), (26_737_120, 4_016));
    assert_eq!(of("cifar100/wrn-20-10-32bit-cutout", IMAGE).0, 26_794_720);
    let (weights, multiply_adds) = of("cifar10/wrn-26-10-1bit", IMAGE);
    assert_eq!(((weights as f64 / 1e4).round() as u64, multiply_adds), (3641, 5_431));
    assert_eq!((of("cifar100/wrn-20-20-1bit", IMAGE).0 as f64 / 1e4).round() as u64, 10_704);
    // A grey image has a third of the weights of the first layer.
    assert_eq!(of("mnist/wrn-20-4-1bit", [28, 28, 1]).0, 4_280_512 - 2 * 9 * 64);
    assert_eq!(of("imagenet32/wrn-20-10-1bit", IMAGE).0, 26_737_120 + 990 * 640);
}

#[test]
fn resnet_20_has_the_weights_of_its_paper() {
    let of = |name: &str| size(&Preset::load(format!("resnet/cifar10/resnet-20-{name}"), &[]).unwrap(), IMAGE);
    // 0.27 million, as the paper counts; 41 million multiply-adds.
    assert_eq!(of("1bit"), (268_336, 41));
    assert_eq!(of("1bit-all"), of("32bit"));
}

#[test]
fn a_preset_with_blocks_that_repeat_is_that_with_the_blocks_written_out() {
    let block = |c: usize| {
        let half = format!("{{ batchnorm = true }}, {{ relu = true }}, {{ conv2d = {c}, kernel = 3, pad = 1 }}, ");
        format!("{{ residual = [ {half}{half} ] }}, ")
    };
    let mut text = wide_20_4().replace("batch = 125", "batch = 2");
    let repeated = Preset::from_toml(&text).unwrap();
    for (c, times) in [(64, 3), (128, 2), (256, 2)] {
        let start = text.find(&format!("  {{ repeat = {times}, layers")).unwrap();
        let end = start + text[start..].find("\n  ] },\n").unwrap() + 8;
        text.replace_range(start..end, &block(c).repeat(times));
    }
    assert!(!text.contains("repeat"));
    let written = Preset::from_toml(&text).unwrap();
    assert_eq!(repeated.describe(Some(IMAGE)).unwrap(), written.describe(Some(IMAGE)).unwrap());
    let [a, b] = [&repeated, &written].map(|p| Network::new(p, IMAGE, 10).unwrap());
    assert_eq!(a.parameters, b.parameters);
    let names = |n: &Network, what: &str| n.parameters.tensors.iter().filter(|t| t.name.starts_with(what)).count();
    assert_eq!((names(&a, "conv"), names(&a, "bn"), a.moments().len()), (20, 2, 2 * 21));
    let [a, b] = [a, b].map(|n| listing::listing(&n.train_plan(&Target::baseline()).unwrap()));
    assert_eq!(a, b);
}

#[test]
fn a_preset_with_blocks_that_repeat_is_written_and_extended_as_it_was() {
    let preset = Preset::from_toml(&wide_20_4()).unwrap();
    let text = preset.to_toml();
    assert_eq!(Preset::from_toml(&text).unwrap(), preset);
    let layers = |text: &str| -> Vec<String> {
        let from = &text[text.find("layers = [").unwrap()..];
        let blanks = |line: &str| line.trim().replace("[ {", "[{").replace("} ]", "}]").to_owned();
        from[..from.find("\n]").unwrap()].lines().map(blanks).collect()
    };
    for line in ["{ repeat = 3, layers = [", "{ residual = [", "], shortcut = [", "{ pad_channels = 256 },", "] },"] {
        assert!(layers(&text).iter().any(|l| l == line), "{line} is no line of\n{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.toml"), wide_20_4()).unwrap();
    let top = dir.path().join("top.toml");
    std::fs::write(&top, "extends = \"base.toml\"\nwidth = 0.25\n").unwrap();
    assert_eq!(size(&Preset::load(&top, &[]).unwrap(), IMAGE).0, 268_336);
}

#[test]
fn what_is_wrong_in_a_block_that_repeats_is_named_by_its_place() {
    let text = wide_20_4();
    let wrong = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let read = Preset::from_toml(&text.replacen(from, to, 1)).and_then(|p| p.shapes(IMAGE));
        read.expect_err(to).to_string()
    };
    let says = |message: String, words: &str| assert!(message.contains(words), "\"{words}\" is not in: {message}");
    says(wrong("repeat = 3", "repeat = 0"), "layers[2].repeat: 0 is out of range: give a whole number from 1 to 1024");
    says(wrong("repeat = 3", "repeat = 3, name = \"a\""), "layers[2].name: unknown key");
    says(
        wrong("conv2d = 64, kernel = 3, pad = 1 },\n      { b", "conv2d = 64, kernel = 3, pad = 3 },\n      { b"),
        "layers[2].layers[0].residual[2].pad: 3x3 is out of range",
    );
    says(wrong("    ] },\n  ] },", "    ], name = \"block\" },\n  ] },"), "block: two layers have this name");
    let many = "repeat = 1024, layers = [ { repeat = 1024, layers = [ { relu = true } ] } ] }, { repeat = 3";
    says(wrong("repeat = 3", many), "one layer more than 65536");
}
