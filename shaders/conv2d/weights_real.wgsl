// A right operand of any values: nothing multiplies the sums, which conv2d/weights_ternary.wgsl is there for.
fn begin(lane: u32) {}

fn note(block: mat4x4<f32>) {}

fn publish() {}

fn magnitude() -> f32 {
  return 1.0;
}
