// v = B^T d C for the 4 x 6 patch d of every tile and channel (common/winograd.wgsl).
// One invocation per element of v; the grid is said in winograd/input_elements.wgsl.
// include winograd/input_elements.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

fn input_at(i: u32, k: u32) -> f32 {
  return x[i];
}
