// dx = gamma inv_std (dy - dbeta / total - (x - mean) inv_std dgamma / total), inv_std = 1 / sqrt(variance + eps),
// four channels of ROWS rows per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and what depends on the channel alone serves ROWS rows. These lie
// far apart, so that neighbouring invocations stream through memory together (shaders/README.md).
// x, dy, dx: [rows, c]; mean, variance, gamma, dgamma, dbeta: [c].
// Grid: ceil(ceil(rows / ROWS) c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x dy dx
// include entry/each.wgsl
const ROWS: u32 = 4u; // knob 1 2 4 8 16
struct Params { rows: u32, c: u32, total: u32, eps: f32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> dgamma: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> dbeta: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let stride = (params.rows + ROWS - 1u) / ROWS * quads;
  if i >= stride {
    return;
  }
  let channel = i % quads;
  let middle = mean[channel];
  let inv_std = inverseSqrt(variance[channel] + params.eps);
  let scale = gamma[channel] * inv_std;
  let offset = dbeta[channel] / f32(params.total);
  let slope = inv_std * dgamma[channel] / f32(params.total);
  for (var k = i; k < params.rows * quads; k += stride) {
    dx[k] = scale * (dy[k] - offset - (vec4<f32>(x[k]) - middle) * slope);
  }
}
