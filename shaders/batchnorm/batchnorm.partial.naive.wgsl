// Moments of blocks of rows of x [rows, c]: partial[b, 0] = mean and partial[b, 1] = sum of (x - mean)^2, per channel,
// over rows b block .. (b + 1) block. The second pass also measures by how much the rounded mean is off and corrects
// both (Chan, Golub, LeVeque 1983), so that the variance stays accurate however far from zero the mean lies.
// partial: [blocks, 2, c]. One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

fn each(i: u32) {
  let b = block_of(i, params.rows, params.c, params.block);
  if b.first >= params.rows {
    return;
  }
  let n = f32(b.last - b.first);
  var sum = 0.0;
  for (var r = b.first; r < b.last; r++) {
    sum += f32(x[r * params.c + b.channel]);
  }
  let mean = sum / n;
  var off = 0.0;
  var squares = 0.0;
  for (var r = b.first; r < b.last; r++) {
    let d = f32(x[r * params.c + b.channel]) - mean;
    off += d;
    squares = fma(d, d, squares);
  }
  partial[2u * b.number * params.c + b.channel] = mean + off / n;
  partial[(2u * b.number + 1u) * params.c + b.channel] = max(squares - off * off / n, 0.0);
}
