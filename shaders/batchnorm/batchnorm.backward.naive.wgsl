// dx = gamma inv_std (dy - dbeta / total - (x - mean) inv_std dgamma / total), inv_std = 1 / sqrt(variance + eps):
// the gradient through the moments of `total` rows as well.
// x, dy, dx: [rows, c]; mean, variance, gamma, dgamma, dbeta: [c]. One invocation owns one element.
// Grid: ceil(rows c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { rows: u32, c: u32, total: u32, eps: f32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> gamma: array<f32>;
@group(0) @binding(6) var<storage, read> dgamma: array<f32>;
@group(0) @binding(7) var<storage, read> dbeta: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i >= params.rows * params.c {
    return;
  }
  let channel = i % params.c;
  let middle = mean[channel];
  let inv_std = inverseSqrt(variance[channel] + params.eps);
  let scale = gamma[channel] * inv_std;
  let offset = dbeta[channel] / f32(params.total);
  let slope = inv_std * dgamma[channel] / f32(params.total);
  dx[i] = scale * (dy[i] - offset - (f32(x[i]) - middle) * slope);
}
