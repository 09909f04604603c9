// As optimizer.lion.naive, four elements at a time, in runs of consecutive ones (optimizer/each_run.wgsl).
// Over naive: loads and stores four wide; on lavapipe three times as fast.
// Grid: one workgroup per chunk of the window, in rows.
// include optimizer/each_run.wgsl
const SIZE: u32 = 64u; // knob 64 128 256

struct Params {
  first_chunk: u32, chunks: u32, base: u32, grad_base: u32, fours: u32,
  beta1: f32, gain1: f32, beta2: f32, gain2: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(4) var<storage, read> halt: array<u32>;
@group(0) @binding(5) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> maxima: array<f32>;

fn update(at: u32, rate: f32, w: vec4<f32>, sum: vec4<f32>, decay: vec4<f32>, inside: vec4<bool>) -> Updated {
  let m0 = m[at];
  let c = params.beta1 * m0 + params.gain1 * sum;
  let m1 = params.beta2 * m0 + params.gain2 * sum;
  let after = w - rate * (sign(c) + decay);
  let sound = are_finite(c) & are_finite(m1) & are_finite(after);
  m[at] = select(m0, m1, inside & sound);
  return Updated(after, sound);
}
