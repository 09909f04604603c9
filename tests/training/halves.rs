//! Networks whose activations are stored as 16-bit floats (precision "f16"): each command against its twin, which rounds
//! what it reads, and training as a whole. An adapter whose shaders have none refuses them.

use std::sync::Arc;

use crate::common;
use crate::small;
use weightproof::check::{self, Sums};
use weightproof::gpu::Device;
use weightproof::kernels::optimizer::{Adam, Method};
use weightproof::model::Network;
use weightproof::plan::{AdapterClass, Elem, Plan, Precision, Role, Step, Target};
use weightproof::session::{Program, Session};

fn halved(network: Network) -> Network {
    let mut network = network;
    network.precision = Precision::F16;
    network
}

/// The adapter, if it can: if not, that it is refused with the way out.
fn device(network: &Network) -> Option<Arc<Device>> {
    let device = common::device(false);
    if device.target.adapter.float16 {
        return Some(device);
    }
    let refused = network.train_plan(&device.target).expect_err("shaders without 16-bit floats").to_string();
    assert!(refused.contains("SHADER_F16") && refused.contains("precision=f32"), "{refused}");
    None
}

/// A target made from the adapter's.
type Change = fn(&Target) -> Target;

fn as_gpu(target: &Target) -> Target {
    target.with(|a| a.class = AdapterClass::Gpu)
}

fn unfused(target: &Target) -> Target {
    target.unfused()
}

/// A network with weights, and plans made for a target.
fn session(device: &Arc<Device>, target: Target, network: Network) -> Session {
    let network = Arc::new(network);
    let mut session = Session::new(device.clone(), network.clone(), 1);
    session.target = target;
    session.set_weights(&network.initial_weights(7)).unwrap();
    session.start(0).unwrap();
    session
}

/// Loads a plan with images and labels.
fn load(session: &mut Session, plan: Plan) -> Program {
    let network = session.network.clone();
    let program = session.load(plan, true).unwrap();
    let len = network.batch * network.input.iter().product::<usize>();
    let images: Vec<f32> = (0..len).map(|i| ((i * 37 + i * i * 5 + 11) % 101) as f32 / 50.0 - 1.0).collect();
    let labels: Vec<u32> = (0..network.batch as u32).map(|i| i % 10).collect();
    for (name, words) in [
        ("input", bytemuck::cast_slice(&images)),
        ("test.input", bytemuck::cast_slice(&images)),
        ("label", &labels),
        ("test.label", &labels),
        ("step", &step_block(0, network.batch).words()),
    ] {
        if session.runner.has(name) {
            session.runner.write(name, words).unwrap();
        }
    }
    session.set_projection(&network.projection).unwrap();
    program
}

fn step_block(number: u64, batch: usize) -> Step {
    let [bias1, bias2] = Adam::default().corrections(number + 1);
    let rates = Step { lr: 0.003, bias1: bias1 as f32, bias2: bias2 as f32, ..Step::at(1, number) };
    Step { slot: number as u32, valid: batch as u32, ..rates }
}

#[test]
fn every_command_agrees_with_its_twin_on_maps_of_16_bits() {
    let ways: [(Network, Change); 4] = [
        (small::network("stochm:0.5"), unfused),
        (small::normalised(), Target::clone),
        (small::normalised(), as_gpu),
        (small::nin(), Target::clone),
    ];
    for (network, change) in ways {
        let network = halved(network);
        let Some(device) = device(&network) else { return };
        let target = change(&device.target);
        let plans = [
            network.train_plan(&target).unwrap(),
            network.moments_plan(&target).unwrap(),
            network.test_plan(&target, network.batch).unwrap(),
        ];
        let mut session = session(&device, target, network);
        for plan in plans {
            let maps = plan.buffers.iter().filter(|b| b.elem == Elem::F16).count();
            assert!(maps > 3, "{}: {maps} maps of 16 bits", plan.name);
            let Program { plan, loaded } = load(&mut session, plan);
            check::compare(&mut session.runner, &plan, &loaded, Sums::OneSign)
                .unwrap_or_else(|e| panic!("{} on {:?}: {e}", plan.name, session.target.adapter.class));
        }
    }
}

#[test]
fn a_batch_is_memorised_through_maps_of_16_bits() {
    let network = halved(small::network("none"));
    let Some(device) = device(&network) else { return };
    let plan = network.train_plan(&device.target).unwrap();
    let mut session = session(&device, device.target.clone(), network);
    let program = load(&mut session, plan);
    for number in 0..200 {
        let block = Step { lr: 0.03, ..step_block(number, session.network.batch) };
        session.runner.run(&program.loaded, &block).unwrap();
    }
    let words = session.runner.read("metrics", 4 * 200).unwrap();
    let rows: Vec<&[f32]> = bytemuck::cast_slice::<u32, f32>(&words).chunks(4).collect();
    assert!(rows[199][0] < 0.05 * rows[0][0], "loss {} after {}", rows[199][0], rows[0][0]);
    assert_eq!(rows[199][1], 4.0, "all four are recognised");
    // What the host reads of a map are the numbers that lie there, each a 16-bit float.
    let map = program.plan.buffers.iter().position(|b| b.name == "conv1.output").expect("a map");
    let values = session.runner.read_buffer(&program.loaded, map).unwrap();
    assert_eq!((program.plan.buffers[map].role, values.len()), (Role::Transient, 4 * 8 * 8 * 4));
    assert!(values.iter().any(|v| *v << 1 != 0) && values.iter().all(|v| v & 0x1fff == 0), "not rounded to 11 bits");
}
