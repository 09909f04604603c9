// y = max(x, 0); NaN stays NaN.
// One invocation owns one element. x, y: any shape, flat.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i < params.len {
    y[i] = Y(select(f32(x[i]), 0.0, f32(x[i]) < 0.0));
  }
}
