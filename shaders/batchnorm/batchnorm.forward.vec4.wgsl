// y = (x - mean) / sqrt(variance + eps) * gamma + beta, four channels of ROWS rows per invocation: c a multiple of 4.
// Over naive: loads and stores four wide, and the square root and the loads of a channel serve ROWS rows. These lie
// far apart, so that neighbouring invocations stream through memory together (shaders/README.md).
// x, y: [rows, c]; mean, variance, gamma, beta: [c].
// Grid: ceil(ceil(rows / ROWS) c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x y
// include entry/each.wgsl
const ROWS: u32 = 4u; // knob 1 2 4 8 16
struct Params { rows: u32, c: u32, eps: f32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> beta: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let stride = (params.rows + ROWS - 1u) / ROWS * quads;
  if i >= stride {
    return;
  }
  let channel = i % quads;
  let middle = mean[channel];
  let scale = gamma[channel] * inverseSqrt(variance[channel] + params.eps);
  let shift = beta[channel];
  for (var k = i; k < params.rows * quads; k += stride) {
    y[k] = vec4<Y>(fma(vec4<f32>(x[k]) - middle, scale, shift));
  }
}
