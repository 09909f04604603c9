// y[i] = sum over s, in order, of partial[s, i].
// One invocation owns one element. Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
struct Params { len: u32, splits: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  if i >= params.len {
    return;
  }
  var sum = partial[i];
  for (var s = 1u; s < params.splits; s++) {
    sum += partial[s * params.len + i];
  }
  y[i] = Y(sum);
}
