// v = B^T d B for the 4 x 4 patch d of every tile and channel (common/winograd.wgsl).
// One invocation per element of v.
// Grid: ceil(elements of v / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

fn pixel(p: Place, row: u32, column: u32, k: u32) -> f32 {
  let y = p.y * 2u + row - params.pad_h;
  let x_ = p.x * 2u + column - params.pad_w;
  let inside = p.n < params.n && y < params.h && x_ < params.w;
  return select(0.0, x[select(0u, ((p.n * params.h + y) * params.w + x_) * params.c_in + k, inside)], inside);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let e = linear_workgroup(wid, count) * 64u + local;
  let quads = params.c_in / 4u;
  let block = e / (16u * params.c_in * 32u);
  if block >= (tiles(params) + 31u) / 32u {
    return;
  }
  let k = e / 128u % quads * 4u + e % 4u;
  let p = place(params, block * 32u + e / 4u % 32u);
  let i = e / (quads * 128u) % 16u / 4u;
  let j = e / (quads * 128u) % 4u;
  let upper = fma(input_second_factor(j), pixel(p, input_first(i), input_second(j), k), pixel(p, input_first(i), input_first(j), k));
  let lower = fma(input_second_factor(j), pixel(p, input_second(i), input_second(j), k), pixel(p, input_second(i), input_first(j), k));
  v[e] = fma(input_second_factor(i), lower, upper);
}
