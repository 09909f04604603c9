// y = (x - mean) / sqrt(variance + eps) * gamma + beta.
// x, y: [rows, c]; mean, variance, gamma, beta: [c]. One invocation owns one element.
// Grid: ceil(rows c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { rows: u32, c: u32, eps: f32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> beta: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i >= params.rows * params.c {
    return;
  }
  let channel = i % params.c;
  let middle = mean[channel];
  let scale = gamma[channel] * inverseSqrt(variance[channel] + params.eps);
  let shift = beta[channel];
  y[i] = Y(fma(f32(x[i]) - middle, scale, shift));
}
