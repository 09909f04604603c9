// Moments of blocks of rows of x [rows, c]: partial[b, 0] = mean and partial[b, 1] = sum of (x - mean)^2, per channel,
// over rows b block .. (b + 1) block. The second pass also measures by how much the rounded mean is off and corrects
// both (Chan, Golub, LeVeque 1983), so that the variance stays accurate however far from zero the mean lies.
// partial: [blocks, 2, c]. One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include common/grid.wgsl
struct Params { rows: u32, c: u32, block: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

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
  let n = f32(last - first);
  var sum = 0.0;
  for (var r = first; r < last; r++) {
    sum += f32(x[r * params.c + channel]);
  }
  let mean = sum / n;
  var off = 0.0;
  var squares = 0.0;
  for (var r = first; r < last; r++) {
    let d = f32(x[r * params.c + channel]) - mean;
    off += d;
    squares = fma(d, d, squares);
  }
  partial[2u * b * params.c + channel] = mean + off / n;
  partial[(2u * b + 1u) * params.c + channel] = max(squares - off * off / n, 0.0);
}
