// y = A^T m D / 15 for every tile and output channel (common/winograd.wgsl). m: [24, tiles, c_out], see winograd.products.
// One invocation per element of y.
// Grid: ceil(elements of y / 64), rows of equal length beyond 65,535.
// include winograd/output_elements.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let e = linear_workgroup(wid, count) * 64u + local;
  if e < params.n * params.oh * params.ow * params.c_out {
    y[e] = output(e / params.c_out, e % params.c_out);
  }
}
