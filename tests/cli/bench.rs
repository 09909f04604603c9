//! `bench` and `tune`: what they print can be read, and what they propose is used. Never how long anything took.

use std::fs;
use std::path::Path;

use serde_json::Value;
use weightproof::kernels::tuning;

use crate::Place;

/// The objects of a text of one per line.
fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

#[test]
fn the_cases_of_a_kernel_are_measured_with_every_variant() {
    let place = Place::new();
    let all = objects(&place.run("bench relu.forward --steps 2 --json").ok());
    for variant in ["naive", "vec4"] {
        assert!(all.iter().any(|e| e["bench"] == "case" && e["variant"] == variant), "no {variant}");
    }
    assert!(all.iter().all(|e| e["us"].as_f64().is_some_and(|us| us > 0.0) && e["runs"] == 2));
    let forced = objects(&place.run("bench relu.forward --steps 2 --json --variant relu.forward=naive").ok());
    assert!(!forced.is_empty() && forced.iter().all(|e| e["variant"] == "naive"));
    place.run("bench relu.forwart").refused(&["relu.forward"]);
}

#[test]
fn a_convolution_in_groups_is_measured_beside_a_plain_one_of_the_size_of_a_group() {
    let place = Place::new();
    let shape = "n=2,h=6,c_in=16,c_out=24,kernel=3,pad=1,groups=2";
    let all = objects(&place.run(&format!("bench --convolution {shape} --steps 2 --rounds 2 --json")).ok());
    let (ratios, entries): (Vec<_>, Vec<_>) = all.into_iter().partition(|o| o.get("ratio").is_some());
    assert_eq!((entries.len(), ratios.len()), (6, 3));
    let names: Vec<_> = ratios.iter().map(|r| r["name"].as_str().expect("a kernel")).collect();
    assert_eq!(names, ["conv2d.forward", "conv2d.grad_input", "conv2d.grad_weight"]);
    assert!(ratios.iter().all(|r| r["rounds"] == 2 && r["ratio"].as_f64().is_some_and(|v| v > 0.0)));
    let plain = objects(&place.run("bench --convolution n=2,h=6,c_in=8,c_out=12 --steps 2 --json").ok());
    assert_eq!(plain.len(), 3);
    place.run("bench --convolution h=5,c_in=4,c_out=4,groups=3").refused(&["3 groups do not divide 4"]);
    place.run("bench --convolution depth=5").refused(&["depth=5", "c_in"]);
}

#[test]
fn a_packed_network_is_measured_from_its_bits_and_from_f32() {
    let place = Place::new();
    place.trained("run", "--set steps=2 --set projection=sign");
    place.run("export run --format packed --moments-batches 2 -o net.wp1").ok();
    let all = objects(&place.run("bench --inference net.wp1 --batch 3 --steps 2 --rounds 2 --json").ok());
    let [bits, real, ratio] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&bits["name"], &real["name"]), (&"net, batch 3, from bits".into(), &"net, batch 3, from f32".into()));
    let number = |side: &Value, key: &str| side[key].as_f64().unwrap_or_else(|| panic!("{key}: {side}"));
    for key in ["kept_mib", "mb_per_image"] {
        assert!(number(bits, key) < number(real, key), "{key}: {all:?}");
    }
    assert!(number(bits, "images_per_s") > 0.0 && ratio["rounds"] == 2, "{all:?}");
    place.run("bench --inference run").refused(&["export RUN --format packed"]);
}

#[test]
fn a_preset_is_measured_as_a_whole_and_by_dispatch_and_compared_with_a_file_and_a_program() {
    let place = Place::new();
    let args = "bench --preset demo/digits --set width=0.25 --set batch=20 --steps 2";
    let text = place.run(&format!("{args} --json")).ok();
    let [step] = &objects(&text)[..] else { panic!("not one line: {text}") };
    for key in ["images_per_s", "ms_per_step", "gflops", "device_mib"] {
        assert!(step[key].as_f64().is_some_and(|v| v > 0.0), "{key}: {text}");
    }
    if cfg!(target_os = "linux") {
        assert!(step["peak_mib"].as_f64().is_some_and(|v| v > 1.0), "{text}");
    }
    let kernels = objects(&place.run(&format!("{args} --json --kernels")).ok());
    let forward = kernels.iter().filter(|e| e["name"].as_str().is_some_and(|n| n.starts_with("conv2d.forward ")));
    assert!(forward.count() >= 2, "two layers of other shapes");
    fs::write(place.path("earlier.json"), &text).unwrap();
    let table = place.run(&format!("{args} --vs earlier.json")).ok();
    assert!(table.contains("images/s") && table.contains("+-") && table.contains("demo/digits width=0.25"), "{table}");
    let program = env!("CARGO_BIN_EXE_weightproof");
    let ratios = objects(&place.run(&format!("{args} --json --vs {program} --rounds 2")).ok());
    assert_eq!((ratios.len(), &ratios[0]["rounds"]), (1, &Value::from(2)));
    assert!(ratios[0]["ratio"].as_f64().is_some_and(|r| r > 0.0));
    fs::write(place.path("broken.json"), "{\"bench\": 1}\n").unwrap();
    place.run(&format!("{args} --vs broken.json")).refused(&["broken.json", "line 1"]);
}

#[test]
fn a_missing_peer_is_a_sentence_and_none_at_all_is_an_error() {
    let place = Place::new();
    let args = "bench --preset demo/digits --steps 1 --peers nowhere --python no-such-python";
    place.run(args).refused(&["PyTorch", "tinygrad", "Burn", "--burn", "--probe", "no peer"]);
}

#[cfg(unix)]
#[test]
fn a_peer_runs_by_turns_with_our_own_steps() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let peer = place.path("peer");
    fs::write(&peer, "#!/bin/sh\necho '{\"images_per_s\": 10, \"gflops\": 5}'\n").unwrap();
    fs::set_permissions(&peer, fs::Permissions::from_mode(0o755)).unwrap();
    let args = "bench --preset demo/digits --set width=0.25 --steps 1 --peers . --burn peer --rounds 2 --json";
    let ran = place.run(args);
    assert!(ran.err.contains("not the same work"), "{}", ran.err);
    let ratios = objects(&ran.ok());
    assert_eq!(ratios.len(), 1);
    let value = |key: &str| ratios[0][key].as_f64().expect(key);
    assert_eq!((value("theirs"), value("rounds")), (10.0, 2.0));
    assert!((value("ratio") - value("ours") / 10.0).abs() < 1e-9);
    fs::write(&peer, "#!/bin/sh\necho broken pipe wrench >&2; exit 3\n").unwrap();
    place.run(args).refused(&["Burn wgpu", "broken pipe wrench", "no peer"]);
}

#[test]
fn tune_prints_a_table_that_can_be_used_and_writes_the_same() {
    let place = Place::new();
    let args = "tune demo/digits --kernel norm_relu.forward --set width=0.25 --set batch=20";
    let text = place.run(&format!("{args} --write")).ok();
    assert!(text.contains("# norm_relu.forward rows"), "{text}");
    let own = place.path("tuning.toml");
    if text.contains("[[row]]") {
        let rows = tuning::read(Path::new("stdout"), &text).unwrap();
        assert_eq!(tuning::read(&own, &fs::read_to_string(&own).unwrap()).unwrap(), rows);
        assert!(rows.iter().all(|r| r.kernel == "norm_relu.forward" && r.measured.contains(" us")));
    } else {
        assert!(text.contains("nothing is faster") && !own.exists(), "{text}");
    }
}

#[test]
fn the_users_own_table_comes_before_the_shipped_one_and_a_broken_one_is_named_with_its_line() {
    let place = Place::new();
    let plan = || place.run("show --plan demo/digits");
    let of_kernel = |text: String| -> Vec<String> {
        text.lines().filter(|l| l.contains("norm_relu.forward")).map(str::to_owned).collect()
    };
    let shipped = of_kernel(plan().ok());
    for nothing in ["", "# nothing yet\n"] {
        fs::write(place.path("tuning.toml"), nothing).unwrap();
        assert_eq!(of_kernel(plan().ok()), shipped);
    }
    let naive = |l: &String| l.contains("norm_relu.forward/naive");
    assert!(!shipped.is_empty() && !shipped.iter().any(naive), "{shipped:?}");
    let own = place.path("tuning.toml");
    fs::write(&own, "[[row]]\nkernel = \"norm_relu.forward\"\nvariant = \"naive\"\n").unwrap();
    let changed = of_kernel(plan().ok());
    assert!(changed.iter().all(naive) && changed.len() == shipped.len(), "{changed:?}");
    fs::write(&own, "[[row]]\nkernel = \"norm_relu.forward\"\nvariant = \"fast\"\n").unwrap();
    place.run("train demo/digits --out run").refused(&["tuning.toml", "line 1", "unknown variant"]);
    fs::write(&own, "[[row]]\nkernel = \n").unwrap();
    place.run("check norm_relu.forward").refused(&["tuning.toml", "line 2"]);
}

#[test]
fn a_run_that_is_resumed_with_other_variants_says_so() {
    let place = Place::new();
    place.given("run");
    let ran = place.run("train run --resume --set steps=23 --variant norm_relu.forward=naive");
    assert!(ran.err.contains("norm_relu.forward") && ran.err.contains("other variants"), "{}", ran.err);
    ran.ok();
    let ran = place.run("train run --resume --set steps=26 --variant norm_relu.forward=naive");
    assert!(!ran.err.contains("other variants"), "{}", ran.err);
    ran.ok();
}
