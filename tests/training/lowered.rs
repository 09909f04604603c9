//! A training step as a file: written where there is no adapter, for one that was described elsewhere, and run from the
//! file alone.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use crate::common;
use weightproof::gpu::Runner;
use weightproof::gpu::lower::Lowered;
use weightproof::kernels::parameters::{CHUNK, Chunk};
use weightproof::kernels::project;
use weightproof::model::preset::Preset;
use weightproof::model::{Network, Placement};
use weightproof::plan::{Role, Step};
use weightproof::session::Session;

const PRESET: &str = "merolla2016/cifar10/tr-stochm-c";
const SETS: [&str; 2] = ["width=0.125", "batch=10"];

/// The program's output, of a run that sees the adapters or none.
fn weightproof(args: &[&str], adapters: bool) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weightproof"));
    command.args(args);
    if !adapters {
        command.env("VK_DRIVER_FILES", "/nowhere").env("VK_ICD_FILENAMES", "/nowhere");
    }
    let ran = command.output().expect("the program runs");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("UTF-8")
}

#[test]
fn a_step_written_without_an_adapter_runs_from_its_file_alone_with_the_bits_of_its_plan() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (adapters, written) = (file("adapters.json"), file("step.json"));
    fs::write(&adapters, weightproof(&["show", "--devices", "--json"], true)).unwrap();
    let mut args = vec!["show", "--plan", PRESET, "--target", &adapters, "--lowered", &written];
    SETS.iter().for_each(|set| args.extend(["--set", set]));
    let device_arg = std::env::var("WEIGHTPROOF_DEVICE").ok();
    device_arg.iter().for_each(|name| args.extend(["--device", name]));
    weightproof(&args, false);

    let preset = Preset::load(PRESET, &SETS.map(String::from)).unwrap();
    let network = Arc::new(Network::without_data(&preset, [32, 32, 3]).unwrap());
    let (weights, table) = (network.initial_weights(5), project::table(&network.parameters, &network.projection));
    let images: Vec<u32> = (0..10 * 32 * 32 * 3).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0).to_bits()).collect();
    let labels: Vec<u32> = (0..10).collect();
    let largest = |c: &Chunk| {
        let t = &network.parameters.tensors[c.tensor];
        let chunk = t.offset + c.start..t.offset + t.len().min(c.start + CHUNK);
        weights[chunk].iter().fold(0f32, |a, w| a.max(w.abs())).to_bits()
    };
    let maxima: Vec<u32> = network.parameters.chunks().iter().map(largest).collect();

    let mut session = Session::new(common::device(false), network.clone(), 5);
    let program = session.training(&Placement::Uploaded, false).unwrap();
    session.set_weights(&weights).unwrap();
    session.start(0).unwrap();
    session.runner.write("input", &images).unwrap();
    session.runner.write("label", &labels).unwrap();
    let blocks = [0, 1, 2].map(|number| Step { lr: 0.003, bias1: 1.5, bias2: 1.1, ..session.block(number) });
    blocks.iter().for_each(|block| session.runner.run(&program.loaded, block).unwrap());

    // From here on nothing is known but the file, and what the host writes into buffers of these names.
    let lowered = Lowered::from_json(&fs::read(&written).unwrap()).unwrap();
    assert!(lowered.arrays.iter().any(|a| a.role == Role::Input && a.name == "input"));
    let mut runner = Runner::new(common::device(false));
    let loaded = runner.load_lowered(&lowered).unwrap();
    runner.write("weight", bytemuck::cast_slice(&weights)).unwrap();
    for (name, words) in [("maxima", &maxima), ("projections", &table), ("input", &images), ("label", &labels)] {
        runner.write(name, words).unwrap();
    }
    blocks.iter().for_each(|block| runner.run(&loaded, block).unwrap());
    for name in ["weight", "adam_m", "adam_v", "maxima", "metrics"] {
        let len = lowered.arrays.iter().find(|a| a.name == name).expect("it outlives a step").len;
        assert!(runner.read(name, len).unwrap() == session.runner.read(name, len).unwrap(), "{name} differs");
    }
}
