// As naive, for c_out a multiple of 4, on GPUs: an invocation makes four channels of a tile, so that it reads each element of m once
// for eight outputs. Neighbours have neighbouring channels.
// Grid: ceil(tiles * c_out / 4 / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include winograd/output_tile.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 64u + local;
  let quads = params.c_out / 4u;
  if i / quads < tiles(params) {
    put_tile(i / quads, i % quads, outputs(i / quads, i % quads));
  }
}
