// As naive, for c_in a multiple of 4, from a texture. An invocation makes four channels of one tile: it loads 24 texels
// and stores 24. Neighbouring invocations have neighbouring tiles, whose texels of v lie side by side.
// Grid: ceil(tiles in whole blocks of 32 * c_in / 4 / 128), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/texels.wgsl
// include winograd/expand_input.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4<f32>>;

fn input_at(i: u32, quad: u32) -> vec4<f32> {
  return textureLoad(x, texel(i));
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 128u + local;
  let quads = params.c_in / 4u;
  let block = i / (quads * 32u);
  if block < (tiles(params) + 31u) / 32u {
    expand(block * 32u + i % 32u, i / 32u % quads);
  }
}
