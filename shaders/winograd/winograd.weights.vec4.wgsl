// As naive, for c_in and c_out multiples of 4, on GPUs (winograd/expand_weights.wgsl, which says the grid): a weight is read
// 24 times less.
// include winograd/expand_weights.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;

fn weight(i: u32) -> vec4<f32> {
  return w[i];
}
