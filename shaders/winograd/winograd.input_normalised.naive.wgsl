// winograd.input of max((x - mean) scale + beta, 0), as norm_relu.forward computes it, from x before batch norm and ReLU. Padding is
// zero behind the ReLU. table: [4, c_in], its rows mean, scale, beta, inv_std.
// One invocation per element of v; the grid is said in winograd/input_elements.wgsl.
// include winograd/input_elements.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;

fn input_at(i: u32, k: u32) -> f32 {
  let z = fma(x[i] - table[k], table[params.c_in + k], table[2u * params.c_in + k]);
  return select(z, 0.0, z < 0.0);
}
