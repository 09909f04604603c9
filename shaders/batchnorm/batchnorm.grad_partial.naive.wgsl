// Sums over blocks of rows: partial[b, 0] = sum of dy (x - mean) inv_std and partial[b, 1] = sum of dy, per channel,
// over rows b block .. (b + 1) block; inv_std = 1 / sqrt(variance + eps).
// x, dy: [rows, c]; mean, variance: [c]; partial: [blocks, 2, c].
// One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32, eps: f32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;

fn each(i: u32) {
  let b = block_of(i, params.rows, params.c, params.block);
  if b.first >= params.rows {
    return;
  }
  let middle = mean[b.channel];
  var products = 0.0;
  var sum = 0.0;
  for (var r = b.first; r < b.last; r++) {
    let g = dy[r * params.c + b.channel];
    products = fma(g, f32(x[r * params.c + b.channel]) - middle, products);
    sum += g;
  }
  partial[2u * b.number * params.c + b.channel] = products * inverseSqrt(variance[b.channel] + params.eps);
  partial[(2u * b.number + 1u) * params.c + b.channel] = sum;
}
