// Sums over blocks of rows: sums[b] = the sum of dy per channel over rows b block .. (b + 1) block, in order.
// dy: [rows, c]; sums: [blocks, c]. Over the sums themselves, as rows of one block, it gives the gradient of the bias.
// One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

fn each(i: u32) {
  let b = block_of(i, params.rows, params.c, params.block);
  if b.first >= params.rows {
    return;
  }
  var sum = 0.0;
  for (var r = b.first; r < b.last; r++) {
    sum += dy[r * params.c + b.channel];
  }
  sums[i] = sum;
}
