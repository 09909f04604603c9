// mean and variance (biased: over rows) of each channel, from the moments of blocks that batchnorm.partial left (Chan):
// mean = sum n_b mean_b / rows, rows variance = sum squares_b + sum n_b (mean_b - mean)^2, blocks in order.
// The means are added as distances from the first, and the rest is corrected as in batchnorm.partial.
// partial: [blocks, 2, c]; mean, variance: [c]. One invocation owns one channel. Grid: ceil(c / 64) workgroups.
// include entry/each.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;

fn each(i: u32) {
  if i >= params.c {
    return;
  }
  let blocks = (params.rows + params.block - 1u) / params.block;
  let m = f32(params.rows);
  let base = partial[i];
  var sum = 0.0;
  for (var b = 1u; b < blocks; b++) {
    let n = f32(min(params.block, params.rows - b * params.block));
    sum += n * (partial[2u * b * params.c + i] - base);
  }
  let middle = base + sum / m;
  var off = 0.0;
  var squares = 0.0;
  for (var b = 0u; b < blocks; b++) {
    let n = f32(min(params.block, params.rows - b * params.block));
    let d = partial[2u * b * params.c + i] - middle;
    off += n * d;
    squares += partial[(2u * b + 1u) * params.c + i] + n * d * d;
  }
  mean[i] = middle + off / m;
  variance[i] = max(squares - off * off / m, 0.0) / m;
}
