//! `eval`: its numbers, its JSON, its streams.

use std::process::Stdio;

use serde_json::Value;

use crate::{Place, Ran, SMALL};

#[test]
fn eval_prints_one_json_object_and_the_same_numbers_each_time() {
    let place = Place::new();
    place.trained("run", "--set steps=20 --set eval.distort=[\"none\",\"sign\"]");
    let ran = place.run("eval run --json --distort none,sign,addnorm:0.3,power:0..2");
    assert!(ran.err.contains("digits"), "messages are on stderr: {}", ran.err);
    let out = ran.ok();
    assert_eq!(out.lines().count(), 1, "{out}");
    let object: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&object["run"], &object["preset"], &object["step"]), (&"run".into(), &"digits".into(), &20.into()));
    assert_eq!(object["test_images"], 50);
    let errors = object["errors"].as_object().unwrap();
    let names: Vec<&String> = errors.keys().collect();
    assert_eq!(names, ["none", "sign", "addnorm:0.3", "power:0..2"]);
    assert!(errors.values().all(|e| e.as_f64().is_some_and(|e| (0.0..=100.0).contains(&e))), "{out}");
    assert_eq!(place.run("eval run --json --distort none,sign,addnorm:0.3,power:0..2").ok(), out);

    // Training ended with the same test.
    for line in place.log("run").iter().filter(|l| l["eval"].is_string()) {
        let name = line["eval"].as_str().unwrap();
        let (logged, got) = (line["error"].as_f64().unwrap(), errors[name].as_f64().unwrap());
        assert!((logged - got).abs() < 1e-3, "{name}: {logged} in the log, {got} now");
    }

    // The checkpoint alone says it all; another seed is another draw of the noise, and no other network.
    let at = |args: &str| -> Value { serde_json::from_str(&place.run(args).ok()).unwrap() };
    let file = at("eval run/checkpoint.safetensors --json --distort none,sign,addnorm:0.3,power:0..2");
    assert_eq!((&file["errors"], &file["losses"]), (&object["errors"], &object["losses"]));
    let seed = at("eval run --json --distort none,addnorm:0.3 --seed 5");
    assert_eq!(seed["losses"]["none"], object["losses"]["none"]);
    assert_ne!(seed["losses"]["addnorm:0.3"], object["losses"]["addnorm:0.3"]);
    // How many images are tested at a time changes no count.
    assert_eq!(at("eval run --json --distort sign --batch 7")["errors"]["sign"], object["errors"]["sign"]);
}

#[test]
fn weights_from_elsewhere_are_tested_as_the_network_of_a_preset() {
    let place = Place::new();
    let at = |args: &str| -> Value { serde_json::from_str(&place.run(args).ok()).unwrap() };
    // What PyTorch saved has the errors that PyTorch counts (tests/reference/torch_digits.py).
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");
    let file = format!("eval {folder}/torch_digits.safetensors --preset {folder}/torch_digits.toml --json");
    let reference: Value = serde_json::from_str(include_str!("../reference/torch_digits.json")).unwrap();
    for moments in ["recomputed", "trained"] {
        let object = at(&format!("{file} --distort none,sign --moments {moments}"));
        for name in ["none", "sign"] {
            for (ours, theirs) in [("errors", "error"), ("losses", "loss")] {
                let (got, want) = (&object[ours][name], &reference[moments][name][theirs]);
                let off = (got.as_f64().unwrap() - want.as_f64().unwrap()).abs();
                assert!(
                    off < 1e-4 * want.as_f64().unwrap().max(1.0),
                    "{moments}, {ours} {name}: {got}, PyTorch says {want}"
                );
            }
        }
    }

    // The weights of a run without what else a checkpoint holds.
    place.given("run");
    place.run("distort run/checkpoint.safetensors --with none -o plain.safetensors").ok();
    let plain = at(&format!("eval plain.safetensors --preset demo/digits {SMALL} --json"));
    let run = at("eval run --json");
    assert_eq!((&plain["errors"], &plain["losses"]), (&run["errors"], &run["losses"]));
    place.run("eval plain.safetensors").refused(&["plain.safetensors", "--preset"]);
    place.run("eval plain.safetensors --preset demo/digits").refused(&["fc1.weight", "shape", "nothing is loaded"]);
    place.run("eval run --preset demo/digits").refused(&["run", "leave --preset out"]);
}

#[test]
fn eval_takes_chains_layers_draws_and_the_moments_of_training() {
    let place = Place::new();
    place.given("run");
    let list = "sign+bitflip:0.2 except fc1 x3,conv*:sign,stuck:0.1,0.1";
    let eval = |more: &[&str]| {
        let mut command = place.command("eval run");
        Ran::of(command.args(["--distort", list]).args(more).output().unwrap()).ok()
    };
    let object: Value = serde_json::from_str(&eval(&["--json"])).unwrap();
    let names: Vec<&String> = object["errors"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["sign+bitflip:0.2 except fc1 x3", "conv*:sign", "stuck:0.1,0.1"]);
    // Single draws have no spread; of several the error is the mean.
    let draws = object["draws"].as_object().unwrap();
    assert_eq!(draws.keys().collect::<Vec<_>>(), names[..1]);
    let several = &draws[names[0]];
    let errors: Vec<f64> = several["errors"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap()).collect();
    let mean = errors.iter().sum::<f64>() / 3.0;
    assert!(errors.len() == 3 && (object["errors"][names[0]].as_f64().unwrap() - mean).abs() < 1e-3, "{several}");
    assert_eq!(several["worst"], errors.iter().copied().fold(0.0, f64::max));
    assert!(several["deviation"].as_f64().is_some_and(|d| d > 0.0), "{several}");
    let table = eval(&[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.len() == 4 && lines[0].contains("deviation") && lines[0].contains("worst"), "{table}");
    let left: Value = serde_json::from_str(&eval(&["--json", "--moments", "trained"])).unwrap();
    assert_eq!((&object["moments"], &left["moments"]), (&"recomputed".into(), &"trained".into()));
    assert_ne!(left["losses"], object["losses"]);
}

#[test]
fn a_test_loss_that_is_not_finite_is_a_warning_wherever_it_appears() {
    let place = Place::new();
    place.given("run");
    // Each distortion once, however many draws it has.
    let warned_of = |distortions: usize, ran: Ran| {
        let said = ran.err.matches("the test loss is ").count();
        assert!(said == distortions && ran.err.contains("says nothing of the weights"), "{said}: {}", ran.err);
        ran.ok()
    };
    let warned = |ran: Ran| warned_of(1, ran);
    let out = warned(place.run("eval run --json --distort none,addnorm:1e38,addnorm:1e38+sign"));
    let object: Value = serde_json::from_str(&out).unwrap();
    let losses: Vec<bool> = object["losses"].as_object().unwrap().values().map(Value::is_null).collect();
    assert_eq!(losses, [false, true, false], "{out}");
    // Also of a point that is there already.
    let sweep = "sweep run --distort addnorm:1e38 --draws 2";
    warned(place.run(sweep));
    warned(place.run(sweep));
    // The one layer, and the whole network.
    warned_of(2, place.run("analyze run --only layers --distort addnorm:1e38 --layers conv1 --draws 1"));
    let set = "--set steps=2 --set eval.distort=[\"addnorm:1e38\"]";
    warned(place.train("trained", set));
    assert!(!place.run("eval run --distort none,sign").err.contains("test loss"));
    let page = place.run("report run").err;
    assert!(page.contains("2 points, e.g. under addnorm:1") && page.contains("the test loss is NaN"), "{page}");
}

#[test]
fn batch_norm_of_one_value_per_channel_is_refused_in_training_and_in_tests() {
    let place = Place::new();
    // The last layer normalises one pixel.
    let words = ["bn2", "one value per channel", "batch=2"];
    place.train("one", "--set steps=2 --set batch=1").refused(&words);
    assert!(!place.path("one").exists(), "refused before anything is written");
    place.given("run");
    for command in ["eval run", "eval run --moments trained", "sweep run --distort sign", "analyze run --only layers"] {
        place.run(&format!("{command} --set batch=1")).refused(&words);
    }
    // Tests of one image at a time are sound; so is training, where the map has several pixels.
    place.run("eval run --distort none --batch 1").ok();
    let layers = "[{conv2d=64,kernel=3},{batchnorm=true},{relu=true},{linear=10,output=true}]";
    place.train("several", &format!("--set steps=2 --set batch=1 --set layers={layers}")).ok();
    // Weights that bring their moments need none of a batch.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");
    let file = format!("eval {folder}/torch_digits.safetensors --preset {folder}/torch_digits.toml --set batch=1");
    place.run(&format!("{file} --distort none --moments trained")).ok();
}

#[test]
fn the_table_is_on_stdout_and_messages_are_on_stderr() {
    let place = Place::new();
    place.given("run");
    let ran = place.run("eval run --distort none,sign");
    assert!(ran.err.contains("adapter"), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.out);
    assert!(lines[0].starts_with("distortion") && lines[1].starts_with("none") && lines[2].starts_with("sign"));
    std::fs::create_dir(place.path("hollow")).unwrap();
    place.run("eval gone").refused(&["gone", "no such file or folder", "run folder"]);
    place.run("eval hollow").refused(&["hollow", "no checkpoint"]);
}

#[test]
fn a_reader_that_leaves_ends_nothing_in_a_panic() {
    let place = Place::new();
    place.given("run");
    for args in ["eval run --distort sign", "show --shader conv2d.forward", "show --plan demo/digits", "data list"] {
        let mut command = place.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_an_error() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.command("show --projections").stdout(full).output().unwrap();
    Ran::of(output).refused(&["stdout"]);
}
