// Sums over blocks of rows: sums[b] = the sum of dy per channel over rows b block .. (b + 1) block, in order.
// dy: [rows, c]; sums: [blocks, c]. Over the sums themselves, as rows of one block, it gives the gradient of the bias.
// One invocation owns one channel of one block. Grid: ceil(blocks c / 64) workgroups, in rows.
// include common/grid.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let b = i / params.c;
  if b >= (params.rows + params.block - 1u) / params.block {
    return;
  }
  let channel = i % params.c;
  let last = min((b + 1u) * params.block, params.rows);
  var sum = 0.0;
  for (var r = b * params.block; r < last; r++) {
    sum += dy[r * params.c + channel];
  }
  sums[i] = sum;
}
