// A right operand of any values, for conv2d/in_two_parts.wgsl: in two parts (common/split.wgsl), so that a product takes three.
const SIGNS: bool = false;

fn staged(v: vec4<f32>) -> vec4<f16> {
  return high(v);
}

fn note(block: mat4x4<f32>) {}

fn begin(lane: u32) {}

fn publish() {}

fn magnitude() -> f32 {
  return 1.0;
}
