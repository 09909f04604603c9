// The constants of batch norm and ReLU per channel, y = max((x - mean) scale + beta, 0), for every kernel that applies
// them: table[0] = mean, table[1] = scale = gamma / sqrt(variance + eps), table[2] = beta,
// table[3] = 1 / sqrt(variance + eps).
// mean, variance, gamma, beta: [c]; table: [4, c]. One invocation owns one channel. Grid: ceil(c / 64) workgroups.
// include entry/each.wgsl
struct Params { c: u32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> table: array<f32>;

fn each(i: u32) {
  if i < params.c {
    let inv_std = inverseSqrt(variance[i] + params.eps);
    table[i] = mean[i];
    table[params.c + i] = gamma[i] * inv_std;
    table[2u * params.c + i] = beta[i];
    table[3u * params.c + i] = inv_std;
  }
}
