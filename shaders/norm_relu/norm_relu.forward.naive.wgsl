// y = max((x - mean) scale + beta, 0), NaN stays NaN: batch norm and ReLU in one pass.
// x, y: [rows, c]; table: [4, c], its rows mean, scale, beta, 1 / sqrt(variance + eps).
// One invocation owns one element. Grid: ceil(rows c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { rows: u32, c: u32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i >= params.rows * params.c {
    return;
  }
  let channel = i % params.c;
  let z = fma(f32(x[i]) - table[channel], table[params.c + channel], table[2u * params.c + channel]);
  y[i] = Y(select(z, 0.0, z < 0.0));
}
