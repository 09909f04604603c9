//! The twin of dropout: its statistics, and draws that do not depend on windows.

use weightproof::cpu::Runner;
use weightproof::kernels::dropout::apply;
use weightproof::plan::{Builder, Elem, Role, Step, Target};

fn run(limit: usize, step: u64) -> Vec<f64> {
    let mut target = Target::baseline();
    target.adapter.limits.max_binding = limit;
    let mut b = Builder::new("test", target);
    let shape = [64, 1024];
    let x = b.buffer("x", Elem::F32, &shape, Role::Input);
    let y = b.buffer("y", Elem::F32, &shape, Role::Output);
    apply(&mut b, "drop", 64, 0.25, 1, x, y).unwrap();
    let mut runner = Runner::new(b.finish().unwrap());
    runner.write("x", &vec![3.0; 64 * 1024]);
    runner.run(&Step::at(5, step));
    runner.read("y").to_vec()
}

#[test]
fn a_quarter_is_dropped_and_the_mean_is_kept() {
    let y = run(1 << 27, 0);
    let dropped = y.iter().filter(|v| **v == 0.0).count() as f64;
    // Five standard deviations: one false alarm in two million.
    assert!((dropped - 16384.0).abs() < 5.0 * (65536.0f64 * 0.25 * 0.75).sqrt(), "{dropped}");
    assert!(y.iter().all(|v| *v == 0.0 || (*v - 4.0).abs() < 1e-6));
}

#[test]
fn windows_draw_the_same_mask_and_another_step_another() {
    let whole = run(1 << 27, 0);
    assert_eq!(whole, run(16 << 10, 0));
    assert_ne!(whole, run(1 << 27, 1));
}
