// Sums over blocks of rows: partial[b, 0] = sum of dy (x - mean) inv_std and partial[b, 1] = sum of dy, per channel,
// over rows b block .. (b + 1) block; inv_std = 1 / sqrt(variance + eps).
// x, dy: [rows, c]; mean, variance: [c]; partial: [blocks, 2, c].
// One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include common/grid.wgsl
struct Params { rows: u32, c: u32, block: u32, eps: f32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let b = i / params.c;
  if b >= (params.rows + params.block - 1u) / params.block {
    return;
  }
  let channel = i % params.c;
  let first = b * params.block;
  let last = min(first + params.block, params.rows);
  let middle = mean[channel];
  var products = 0.0;
  var sum = 0.0;
  for (var r = first; r < last; r++) {
    let g = dy[r * params.c + channel];
    products = fma(g, f32(x[r * params.c + channel]) - middle, products);
    sum += g;
  }
  partial[2u * b * params.c + channel] = products * inverseSqrt(variance[channel] + params.eps);
  partial[(2u * b + 1u) * params.c + channel] = sum;
}
