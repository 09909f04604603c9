//! Users' own projections: files of WGSL.

use std::fs;

use serde_json::Value;

use super::{Place, Ran, small};

/// The example of models/README.md.
const SOFT: &str = include_str!("../../models/soft.wgsl");

/// What `stoch` computes.
const STOCH: &str = "fn mine(w: vec4<f32>, c: Context) -> vec4<f32> {\n  let a = vec4<f32>(c.alpha);\n  \
                     return select(-a, a, positive(w, c));\n}\n";

fn train(place: &Place, run: &str, projection: &str, more: &str) -> Ran {
    let mut command = place.command(&small(run, more));
    Ran::of(command.args(["--set", &format!("projection={projection}")]).output().unwrap())
}

fn write(place: &Place, name: &str, text: &str) {
    fs::write(place.path(name), text).unwrap();
}

#[test]
fn a_run_needs_the_file_of_its_projection_no_more() {
    let place = Place::new();
    write(&place, "soft.wgsl", SOFT);
    let set = "--set lr={kind=\"constant\",initial=0.01} --set epochs=3 --set eval.distort=[\"soft.wgsl:0.3\"]";
    let whole = train(&place, "whole", "soft.wgsl:1->0.05", set).ok();
    train(&place, "changed", "soft.wgsl:1->0.05", &format!("{set} --set steps=13")).ok();
    place.copy("changed", "gone");
    let eval = |run: &str| -> Value {
        let out = place.run(&format!("eval {run} --json --distort none,soft.wgsl:0.3")).ok();
        serde_json::from_str::<Value>(&out).unwrap()["losses"].clone()
    };
    let before = eval("whole");
    let info = fs::read_to_string(place.path("whole/run.json")).unwrap();
    assert!(info.contains("alpha tanh(w / (T alpha))") && info.contains("sha256"), "{info}");
    write(&place, "soft.wgsl", &SOFT.replace("c.p0 *", "2.0 * c.p0 *"));
    place.run("train changed --resume --set steps=30").ok();
    place.assert_same_tensors("changed", "whole");
    assert_eq!(eval("whole"), before);
    fs::remove_file(place.path("soft.wgsl")).unwrap();
    let resumed = place.run("train gone --resume --set steps=30").ok();
    assert_eq!(resumed.replace("gone", "whole"), whole);
    place.assert_same_tensors("gone", "whole");
    assert_eq!(eval("whole"), before);
    // With the preset instead of the folder, too.
    let mut again = place.command(&small("gone", &format!("{set} --resume --set steps=30")));
    Ran::of(again.args(["--set", "projection=soft.wgsl:1->0.05"]).output().unwrap()).ok();
    place.run("eval gone --distort other.wgsl:1").refused(&["other.wgsl"]);
}

#[test]
fn a_file_that_computes_what_a_projection_does_gives_its_bits_wherever_a_name_may_stand() {
    let place = Place::new();
    write(&place, "mine.wgsl", STOCH);
    fs::create_dir(place.path("a b")).unwrap();
    write(&place, "a b/1+1.wgsl", STOCH);
    train(&place, "house", "stoch", "--set steps=20").ok();
    for (run, projection) in [
        ("own", "mine.wgsl"),
        ("quoted", "conv*:'a b/1+1.wgsl' + fc*:mine.wgsl"),
        ("mixed", "conv*:stoch+fc*:'a b/1+1.wgsl'"),
    ] {
        train(&place, run, projection, "--set steps=20").ok();
        place.assert_same_tensors(run, "house");
    }
    // Statistics of filters, too.
    let bwn = "// statistic: mean filter\nfn f(w: vec4<f32>, c: Context) -> vec4<f32> {\n  \
               return select(-c.alpha, c.alpha, w >= vec4<f32>(0.0));\n}\n";
    write(&place, "bwn.wgsl", bwn);
    for (run, projection) in [("bwn", "bwn"), ("own-bwn", "bwn.wgsl")] {
        train(&place, run, projection, "--set steps=20").ok();
    }
    place.assert_same_tensors("own-bwn", "bwn");
    let losses = |distort: &str| -> Vec<f64> {
        let mut command = place.command("eval house --json");
        let out = Ran::of(command.args(["--distort", distort]).output().unwrap()).ok();
        let losses = serde_json::from_str::<Value>(&out).unwrap()["losses"].clone();
        losses.as_object().unwrap().values().map(|v| v.as_f64().unwrap()).collect()
    };
    assert_eq!(losses("sign+mine.wgsl"), losses("sign+stoch"));
    assert_eq!(losses("fc1:'a b/1+1.wgsl'+conv1:bitflip:0.1"), losses("fc1:stoch+conv1:bitflip:0.1"));
    for (out, with) in [("own.st", "mine.wgsl"), ("house.st", "stoch")] {
        place.run(&format!("distort house/checkpoint.safetensors --with {with} -o {out}")).ok();
    }
    assert!(crate::tensors(&place.path("own.st")) == crate::tensors(&place.path("house.st")));
    let swept = place.run("sweep house --over mine.wgsl:0:0.1:0.1 --draws 1").ok();
    assert!(swept.contains("mine.wgsl:0.1"), "{swept}");
}

#[test]
fn the_path_is_relative_to_the_preset_that_names_it() {
    let place = Place::new();
    fs::create_dir(place.path("there")).unwrap();
    let preset = place.run("show --preset demo/digits").ok();
    let preset = preset.split("\n\n\n").next().unwrap().split("\ndigits:").next().unwrap();
    let text = preset.replace("projection = \"stochm:0.5\"", "projection = \"mine.wgsl\"");
    assert!(text != preset);
    write(&place, "there/mine.toml", &text);
    write(&place, "there/mine.wgsl", STOCH);
    place.run("show --plan there/mine.toml").ok();
    fs::remove_file(place.path("there/mine.wgsl")).unwrap();
    place.run("show --plan there/mine.toml").refused(&["there/mine.wgsl"]);
}

#[test]
fn what_is_no_projection_is_refused_with_file_and_line() {
    let place = Place::new();
    let body = |body: &str| format!("// A comment.\nfn f(w: vec4<f32>, c: Context) -> vec4<f32> {{\n{body}\n}}\n");
    for (text, words) in [
        (body("  return w * strength;"), &["bad.wgsl:3", "strength"][..]),
        (body("  return vec4<u32>(1u);"), &["bad.wgsl:2", "declared return type"]),
        (body("  return w / c.alpha;"), &["bad.wgsl:3", "NaN", "alpha = 0"]),
        (body("  var x = w;\n  x = log2(abs(x));\n  return x;"), &["bad.wgsl:4", "inf"]),
        (body("  var x = w;\n  loop { x += vec4<f32>(1.0); }\n  return x;"), &["bad.wgsl:4", "does not end"]),
        ("fn f(w: f32, c: Context) -> f32 { return w; }".into(), &["bad.wgsl:1", "c: Context) -> vec4<f32>"]),
        (body("  return w;") + "const x = 1.0;\n", &["bad.wgsl:5", "one function and nothing beside it"]),
        ("fn f(".into(), &["bad.wgsl:1", "brace"]),
        (String::new(), &["bad.wgsl:1", "one function"]),
        ("// statistic: median\n".to_owned() + STOCH, &["bad.wgsl:1", "median", "mean filter"]),
    ] {
        write(&place, "bad.wgsl", &text);
        let refused = train(&place, "run", "bad.wgsl:0.3", "").refused(words);
        assert!(!place.path("run").exists(), "{refused}");
    }
    write(&place, "good.wgsl", STOCH);
    for (projection, words) in [
        ("good.wgsl:1,2,3,4", &["up to three numbers"][..]),
        ("good.wgsl:x", &["good.wgsl:x", "up to three numbers"]),
        ("gone.wgsl", &["gone.wgsl"]),
        ("conv1:'good.wgsl", &["no end"]),
    ] {
        train(&place, "run", projection, "").refused(words);
    }
}

#[test]
fn check_compares_a_projection_with_its_twin_and_says_where_there_is_none() {
    let place = Place::new();
    write(&place, "soft.wgsl", SOFT);
    let switch = "fn f(w: vec4<f32>, c: Context) -> vec4<f32> {\n  switch u32(c.p0) {\n    case 1u: { return -w; }\n    \
                  default: { return w; }\n  }\n}\n";
    write(&place, "switch.wgsl", switch);
    let out = place.run("check --projection soft.wgsl:0.3").ok();
    assert!(out.contains("soft.wgsl against its twin") && out.contains("every case within its budget"), "{out}");
    let out = place.run("check --projection switch.wgsl:1").ok();
    assert!(out.contains("has no twin (line 2: a switch)") && out.contains("finite"), "{out}");
    // It trains all the same.
    train(&place, "run", "switch.wgsl:1", "--set steps=5").ok();
}
