// y = scale x where the element is kept, else 0; scale = 1 / (1 - p), p = threshold 2^-32.
// Element e of the whole batch (its images have params.row each; params.first is the first of this window of the pass) is kept where word e mod 4 of
// philox(counter (e / 4, layer, step_lo, step_hi), key (seed, stream DROPOUT)) is not below threshold: an integer
// comparison, the same on every adapter. The gradient is the same function of dy.
// One invocation owns one element. x, y: any shape, flat.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/philox.wgsl
// include common/step.wgsl
const DROPOUT: u32 = 4u; // src/philox.rs: stream
struct Params { len: u32, first: u32, row: u32, layer: u32, threshold: u32, scale: f32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> x: array<X>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i >= params.len {
    return;
  }
  let e = step.first_image * params.row + params.first + i;
  let counter = vec4<u32>(e / 4u, params.layer, step.step_lo, step.step_hi);
  let words = philox4x32(counter, stream_key(step.seed_lo, step.seed_hi, DROPOUT));
  y[i] = Y(select(0.0, f32(x[i]) * params.scale, words[e % 4u] >= params.threshold));
}
