//! Where files are written to: links, modes, pipes and devices; names of any bytes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::{Place, Ran, SMALL, tensors};

/// Runs the program with words, then arguments as they are.
fn run(place: &Place, words: &str, args: &[&OsStr]) -> Ran {
    Ran::of(place.command(words).args(args).output().expect("the program starts"))
}

/// The preset of a run without its name.
fn nameless(info: &serde_json::Value) -> String {
    let text = info["preset_toml"].as_str().expect("a preset");
    text.lines().filter(|l| !l.starts_with("name =")).flat_map(|l| [l, "\n"]).collect()
}

#[test]
fn distort_writes_through_links_into_pipes_and_devices_and_replaces_none() {
    let place = Place::new();
    place.given("run");
    let distort = |out: &str| place.run(&format!("distort run/checkpoint.safetensors --with sign -o {out}"));
    let lines = distort("plain").ok();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    // Not the bytes: the order of the remarks in the header is any.
    let want = tensors(&place.path("plain"));
    let holds = |file: &str| assert!(tensors(&place.path(file)) == want, "{file}");
    let read = |file: &str, bytes: Vec<u8>| {
        fs::write(place.path(file), bytes).unwrap();
        holds(file);
    };

    // A link to a file that others may not read.
    fs::create_dir(place.path("there")).unwrap();
    fs::write(place.path("there/real"), "old").unwrap();
    fs::set_permissions(place.path("there/real"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("there/real", place.path("link")).unwrap();
    distort("link").ok();
    assert!(fs::symlink_metadata(place.path("link")).unwrap().is_symlink());
    holds("there/real");
    assert_eq!(fs::metadata(place.path("there/real")).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(place.path("there")).unwrap().count(), 1, "no temporary file stays");

    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    distort("pipe").ok();
    read("from the pipe", reader.join().unwrap());
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());

    // What is printed besides goes elsewhere where the file is stdout: a pipe, then a file.
    let ran = place.command("distort run/checkpoint.safetensors --with sign -o /dev/stdout").output().unwrap();
    assert!(ran.status.success());
    read("from stdout", ran.stdout);
    let printed = String::from_utf8(ran.stderr).unwrap();
    assert!(lines.lines().all(|line| printed.contains(line)), "{printed}");
    let file = fs::File::create(place.path("redirected")).unwrap();
    let mut command = place.command("distort run/checkpoint.safetensors --with sign -o /dev/stdout");
    assert!(command.stdout(file).status().unwrap().success());
    holds("redirected");
}

#[test]
fn a_device_is_written_into_by_every_command_and_stays() {
    let place = Place::new();
    place.given("run");
    let own = place.path("null");
    let made = Command::new("mknod").arg(&own).args(["c", "1", "3"]).output().is_ok_and(|ran| ran.status.success());
    if !made && fs::metadata(place.path("")).unwrap().uid() == 0 {
        eprintln!("NOT TESTED: root may make no device here, and the machine's own is not risked");
        return;
    }
    // Only root makes devices. Others cannot replace the machine's own.
    let path = if made { "null" } else { "/dev/null" };
    let place_of = |m: fs::Metadata| (m.ino(), m.rdev(), m.mode());
    let before = place_of(fs::symlink_metadata(place.path(path)).unwrap());
    for command in [
        "distort run/checkpoint.safetensors --with sign -o",
        "show --shader relu.forward --spirv -o",
        "analyze run --only bits,distance --out",
        "profile demo/digits --set width=0.25 --steps 1 --trace",
    ] {
        place.run(&format!("{command} {path}")).ok();
        let after = fs::symlink_metadata(place.path(path)).unwrap();
        assert!(after.file_type().is_char_device(), "{command}");
        assert_eq!(place_of(after), before, "{command}");
    }
    assert!(!place.path("null.lock").exists());
}

/// Names of any bytes but `/` and 0: on Linux.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_utf8_work_everywhere() {
    let place = Place::new();
    let odd = |text: &str| -> OsString { OsStr::from_bytes(&[text.as_bytes(), b"\xff"].concat()).to_owned() };
    let at = |name: &OsStr| place.path("").join(name);
    let (bad, data) = (odd("bad"), odd("data"));
    fs::create_dir(at(&data)).unwrap();
    let small = format!("{SMALL} --set eval.every=0 --set eval.distort=[]");
    let train = |words: &str, args: &[&OsStr]| run(&place, &format!("{words} {small}"), args);
    let out = train("train demo/digits --set steps=3", &["--out".as_ref(), &bad, "--data".as_ref(), &data]).ok();
    assert!(out.contains("run: bad\u{fffd}"), "{out}");
    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(at(&bad).join("run.json")).unwrap()).expect("whole JSON");
    let command = info["command"].as_str().unwrap();
    assert!(command.ends_with("--out 'bad\u{fffd}' --data 'data\u{fffd}'"), "{command}");
    run(&place, "train --resume --set steps=4", &[&bad]).ok();
    for command in ["eval --distort none", "sweep --distort none", "analyze --only bits", "report", "profile --steps 1"]
    {
        run(&place, command, &[&bad]).ok();
    }
    let weights = odd("weights");
    let checkpoint = Path::new(&bad).join("checkpoint.safetensors");
    run(&place, "distort --with sign", &[checkpoint.as_ref(), "-o".as_ref(), &weights]).ok();
    assert!(!tensors(&at(&weights)).is_empty());

    // A preset, with and without its ending, and what is called after it.
    let (mut file, stem) = (odd("net"), odd("net"));
    file.push(".toml");
    fs::write(at(&file), nameless(&info)).unwrap();
    for preset in [&file, &stem] {
        let shown = run(&place, "show --preset", &[preset]).ok();
        assert!(shown.contains("name = \"net-\""), "{shown}");
    }
    run(&place, "show --plan", &[&stem]).ok();
    run(
        &place,
        "bench --steps 1 --rounds 1 --json --preset",
        &[&stem, "--vs".as_ref(), place.command("").get_program()],
    )
    .ok();
    run(&place, "eval --distort none --moments-batches 1", &[&weights, "--preset".as_ref(), &file]).ok();
    run(&place, "train --set steps=2", &[&stem, "--out".as_ref(), &odd("run of ")]).ok();
    let plan = run(&place, "reproduce merolla2016-figure1 --dry-run --set data.set=digits", &["--out".as_ref(), &bad]);
    assert!(plan.ok().contains("--out 'bad\u{fffd}/"), "the steps as people read them");
    // The user's folders.
    let mut command = place.command("train demo/digits --set steps=1 --set eval.distort=[] --out last");
    command.args(SMALL.split_whitespace());
    for name in ["WEIGHTPROOF_CACHE", "WEIGHTPROOF_CONFIG", "WEIGHTPROOF_DATA"] {
        command.env(name, at(&data));
    }
    Ran::of(command.output().unwrap()).ok();
}

#[test]
fn a_preset_without_a_name_gets_one_of_its_file() {
    let place = Place::new();
    place.given("run");
    let info = serde_json::from_slice(&fs::read(place.path("run/run.json")).unwrap()).expect("whole JSON");
    for (file, name) in [("my net.toml", "my-net"), ("..hidden (2).toml", "hidden--2-"), ("résumé", "r-sum-")] {
        fs::write(place.path(file), nameless(&info)).unwrap();
        let shown = run(&place, "show --preset", &[file.as_ref()]).ok();
        assert!(shown.contains(&format!("name = \"{name}\"")), "{shown}");
    }
}

#[test]
fn the_command_of_a_run_can_be_pasted_into_a_shell() {
    let place = Place::new();
    let words = ["train", "demo/digits", "--quiet", "--set", "steps=1", "--set", "eval.distort=[]", "--out"];
    let out = "it's a \"run\" $(of) *";
    let small: Vec<&str> = SMALL.split_whitespace().collect();
    let args: Vec<&str> = words.into_iter().chain([out]).chain(small).collect();
    let mut command = place.command("--no-pipeline-cache");
    let given: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
    Ran::of(command.args(&args).output().unwrap()).ok();
    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path(out).join("run.json")).unwrap()).expect("whole JSON");
    let line = info["command"].as_str().unwrap();
    let split = Command::new("sh").arg("-c").arg(format!("printf '%s\\n' {line}")).output().unwrap();
    let split = String::from_utf8(split.stdout).unwrap();
    let want = given.iter().map(|a| a.to_str().unwrap()).chain(args);
    assert_eq!(split.lines().skip(1).collect::<Vec<_>>(), want.collect::<Vec<_>>(), "{line}");
}
