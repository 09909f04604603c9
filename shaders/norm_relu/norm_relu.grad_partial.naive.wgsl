// Sums over blocks of rows, for the gradient of batch norm and ReLU: with z = (x - mean) scale + beta and dz = dy where
// z > 0, else 0, partial[b, 0] = sum of dz (x - mean) inv_std and partial[b, 1] = sum of dz, per channel, over rows
// b block .. (b + 1) block. z is computed as in norm_relu.forward, so y need not be kept for its sign.
// x, dy: [rows, c]; table: [4, c], its rows mean, scale, beta, inv_std; partial: [blocks, 2, c].
// One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

fn each(i: u32) {
  let b = block_of(i, params.rows, params.c, params.block);
  if b.first >= params.rows {
    return;
  }
  let mean = table[b.channel];
  let scale = table[params.c + b.channel];
  let beta = table[2u * params.c + b.channel];
  var products = 0.0;
  var sum = 0.0;
  for (var r = b.first; r < b.last; r++) {
    let k = r * params.c + b.channel;
    let d = f32(x[k]) - mean;
    let dz = select(0.0, dy[k], fma(d, scale, beta) > 0.0);
    products = fma(dz, d, products);
    sum += dz;
  }
  partial[2u * b.number * params.c + b.channel] = products * table[3u * params.c + b.channel];
  partial[(2u * b.number + 1u) * params.c + b.channel] = sum;
}
