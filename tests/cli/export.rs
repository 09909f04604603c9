//! Packed files: weights as bits, taken by every command that takes weights.

use std::fs;

use serde_json::Value;

use crate::{Place, tensors};

fn eval(place: &Place, net: &str, more: &str) -> Value {
    serde_json::from_str(&place.run(&format!("eval {net} --json {more}")).ok()).unwrap()
}

#[test]
fn a_packed_network_has_the_errors_of_its_run_and_a_bit_for_each_weight() {
    let place = Place::new();
    for (projection, bits, distort) in [("sign", 1, "sign"), ("round", 2, "round"), ("he-sign", 1, "he-sign")] {
        place.trained(projection, &format!("--set steps=20 --set projection={projection}"));
        let net = format!("{projection}.wp1");
        let said = place.run(&format!("export {projection} --format packed -o {net}")).ok();
        assert!(said.contains(&format!("weights of {bits} bit")), "{said}");
        let (run, packed) =
            (eval(&place, projection, &format!("--distort {distort}")), eval(&place, &net, "--distort none"));
        assert_eq!(packed["errors"]["none"], run["errors"][distort]);
        assert_eq!(packed["losses"]["none"], run["losses"][distort]);
        assert_eq!((&packed["from_bits"], &run["from_bits"]), (&serde_json::json!(["none"]), &Value::Null));
        assert_eq!((&packed["moments"], &run["moments"]), (&"trained".into(), &"recomputed".into()));
        assert_eq!(
            eval(&place, &net, "")["errors"],
            packed["errors"],
            "what a packed file is tested under if nothing is asked"
        );
        let again = eval(&place, &net, "--distort none --moments recomputed");
        assert_eq!(again["errors"]["none"], run["errors"][distort]);

        let stored = tensors(&place.path(&net));
        // 576 and 2,560 weights, in rows of whole bytes: 16 of 9 weights, 10 of 256.
        let row = |weights: usize| (weights * bits).div_ceil(8);
        let rows: usize = stored.iter().filter(|(n, _)| n.ends_with(".bits")).map(|(_, (_, bytes))| bytes.len()).sum();
        assert_eq!(rows, 16 * row(9) + 10 * row(256));
    }
}

#[test]
fn every_command_takes_a_packed_file() {
    let place = Place::new();
    place.trained("run", "--set steps=20 --set projection=sign");
    place.run("export run --format packed -o net.wp1").ok();
    assert!(place.run("sweep net.wp1 --distort bitflip:0,bitflip:0.2 --images 50").ok().contains("bitflip:0.2"));
    place.run("analyze net.wp1 --json").ok();
    place.run("distort net.wp1 --with bitflip:0.5 -o plain.safetensors").ok();
    assert!(tensors(&place.path("plain.safetensors")).keys().any(|name| name == "conv1.weight"));
    place.trained("more", "--init net.wp1 --set steps=2");
}

#[test]
fn what_cannot_be_packed_says_why_and_what_to_do() {
    let place = Place::new();
    place.trained("run", "--set steps=20 --set projection=none");
    place.run("export run --format packed -o net.wp1").refused(&["none", "--with sign"]);
    place.run("export run --format packed --with addnorm:0.3 -o net.wp1").refused(&[
        "conv1.weight",
        "magnitudes of",
        "--with sign",
    ]);
    place.run("export run --format packed --with conv7:sign -o net.wp1").refused(&["conv7", "conv1"]);
    assert!(!place.path("net.wp1").exists());

    place.run("export run --format packed --with conv*:sign -o net.wp1").ok();
    let stored = tensors(&place.path("net.wp1"));
    assert!(stored.contains_key("conv1.weight.bits") && stored.contains_key("fc1.weight"));
    let mut bytes = fs::read(place.path("net.wp1")).unwrap();
    let at = bytes.len() - 3;
    bytes[at] ^= 4;
    fs::write(place.path("bad.wp1"), bytes).unwrap();
    place.run("eval bad.wp1").refused(&["bad.wp1", "checksum"]);
}
