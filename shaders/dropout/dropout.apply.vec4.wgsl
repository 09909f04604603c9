// As dropout.apply.naive, four elements per invocation: row is a multiple of 4, as first and len are then.
// Over naive: one Philox gives the words of all four elements; loads and stores four wide.
// Grid: ceil(len / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/philox.wgsl
// include common/step.wgsl
const DROPOUT: u32 = 4u; // src/philox.rs: stream
struct Params { len: u32, first: u32, row: u32, layer: u32, threshold: u32, scale: f32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  if i >= params.len / 4u {
    return;
  }
  let first = step.first_image * params.row + params.first;
  let counter = vec4<u32>(first / 4u + i, params.layer, step.step_lo, step.step_hi);
  let words = philox4x32(counter, stream_key(step.seed_lo, step.seed_hi, DROPOUT));
  y[i] = vec4<Y>(select(vec4<f32>(0.0), vec4<f32>(x[i]) * params.scale, words >= vec4<u32>(params.threshold)));
}
