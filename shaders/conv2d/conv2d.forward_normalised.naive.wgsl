// conv2d.forward of x behind batch norm and ReLU, which nobody has to store: y[n, oy, ox, co] = sum over ky, kx, ci of
// max((x[n, oy s + ky - p, ox s + kx - p, ci] - mean[ci]) scale[ci] + beta[ci], 0) w[ky, kx, ci, co]. Padding is zero behind the
// ReLU. table: [4, c_in], its rows mean, scale, beta, inv_std (norm_relu.table). Groups: 1.
// One invocation owns one output. Grid: ceil(n oh ow c_out / 64) workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
// include common/conv2d.wgsl
// include conv2d/output_of_pixel.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

fn input(at: u32, ci: u32) -> f32 {
  let z = fma(f32(x[at + ci]) - table[ci], table[params.c_in + ci], table[2u * params.c_in + ci]);
  return select(z, 0.0, z < 0.0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  if i >= params.n * params.oh * params.ow * params.c_out {
    return;
  }
  let co = i % params.c_out;
  let pixel = i / params.c_out;
  y[i] = Y(output(pixel, co));
}
