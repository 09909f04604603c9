//! Words that mean nothing to the program: each is refused with those that come near.

use crate::Place;

#[test]
fn unknown_words_are_refused_with_the_nearest_valid_ones() {
    let place = Place::new();
    place.given("run");
    for (command, words) in [
        ("train demo/digits --out x --set epoch=3", vec!["--set epoch=3", "\"epochs\""]),
        ("train demo/digits --out x --set lr.intial=3", vec!["\"initial\""]),
        ("train demo/digits --out x --set epochs=many", vec!["--set epochs=many", "epochs"]),
        ("train demo/digits --out x --set epochs", vec!["key=value"]),
        ("train demo/digits --out x --set projection=sgin", vec!["\"sign\""]),
        ("train demo/digits --out x --set eval.distort=[\"sgin\"]", vec!["\"sign\""]),
        ("train demo/digits --out x --set data.set=digitz", vec!["\"digits\""]),
        ("train demo/digit --out x", vec!["\"demo/digits\""]),
        ("train tr-stochm --out x", vec!["merolla2016/cifar10/tr-stochm-c"]),
        ("train demo/digits --out x --device nosuch", vec!["nosuch", "show --devices"]),
        ("train demo/digits --out x --device 99", vec!["\"99\"", "a number is an index", "index 0", "show --devices"]),
        ("train demo/digits --out x --device=", vec!["part of its name", "show --devices"]),
        ("train demo/digits --out x --variant conv2d.forward=nope", vec!["\"nope\"", "naive"]),
        ("train demo/digits --out x --variant conv2d.forwrd=naive", vec!["\"conv2d.forward\""]),
        ("train demo/digits --out x --variant conv2d.forward_normalised=tiled", vec!["It is conv2d.forward now"]),
        ("show --shader conv2d.forward=tiled --with tabel", vec!["\"table\""]),
        ("show --shader conv2d.forward=lanes --with table", vec!["\"table\"", "Valid: bits, skip, zeros"]),
        ("show --shader conv2d.grad_input --with table", vec!["It takes none"]),
        ("train demo/digits --out x --variant *=naiv", vec!["\"naive\""]),
        ("train demo/digits --out x --variant naive", vec!["KERNEL=VARIANT"]),
        ("eval run --distort none,sgin", vec!["\"sign\""]),
        ("eval run --distort power", vec!["power"]),
        ("eval run --distort sign+adnorm:0.2", vec!["\"addnorm\""]),
        ("eval run --distort bitflip:2", vec!["bitflip:2", "from 0 to 1"]),
        ("eval run --distort convv*:sign", vec!["\"convv*\"", "conv1, fc1"]),
        ("eval run --moments trianed", vec!["trained"]),
        ("train demo/digits --out x --set eval.distort=[\"cnv1:sign\"]", vec!["\"cnv1\"", "conv1, conv2, fc1, fc2"]),
        ("distort run/checkpoint.safetensors --with sgin -o y", vec!["\"sign\""]),
        ("distort run/checkpoint.safetensors --with fc7:sign -o y", vec!["\"fc7\"", "conv1, fc1"]),
        ("check conv2d.forwrd", vec!["\"conv2d.forward\""]),
        ("show --shader conv2d.forwrd", vec!["\"conv2d.forward\""]),
        ("show --shader conv2d.forward=nope", vec!["\"nope\"", "naive"]),
        ("show --preset demo/digit", vec!["\"demo/digits\""]),
        ("show --plan demo/digit", vec!["\"demo/digits\""]),
        ("show", vec!["--devices", "--plan"]),
        ("data fetch cifar11", vec!["\"cifar10\""]),
        ("trian", vec!["train"]),
        ("train demo/digits --sed 3", vec!["--seed"]),
    ] {
        let ran = place.run(command);
        assert_eq!(ran.out, "", "{command}: errors belong on stderr");
        ran.refused(&words);
        assert!(!place.path("x").exists(), "{command}: nothing is begun");
    }
}
