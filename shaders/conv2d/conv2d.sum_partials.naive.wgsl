// y[i] = sum over s, in order, of partial[s, i].
// One invocation owns one element. Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32, splits: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i >= params.len {
    return;
  }
  var sum = partial[i];
  for (var s = 1u; s < params.splits; s++) {
    sum += partial[s * params.len + i];
  }
  y[i] = Y(sum);
}
