// y += bias per channel and, where relu is 1, y = max(y, 0), in place; NaN stays NaN.
// One invocation owns one element. y: [rows, c]; bias: [c]; len = rows c.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32, c: u32, relu: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i < params.len {
    let sum = f32(y[i]) + bias[i % params.c];
    y[i] = Y(select(sum, 0.0, params.relu != 0u && sum < 0.0));
  }
}
