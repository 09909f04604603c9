// As naive, for c_in a multiple of 4, on GPUs: an input is read 3 times from a cache in place of 24, and every access is of four
// channels. Grid: as winograd/expand_input_blocks.wgsl says.
// include winograd/expand_input_blocks.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4<f32>>;

fn input_at(i: u32, quad: u32) -> vec4<f32> {
  return x[i];
}
