// dx = dy where y > 0, else 0. y is the output of the forward pass: positive exactly where x was.
// One invocation owns one element. y, dy, dx: any shape, flat.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<Y>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i < params.len {
    dx[i] = select(0.0, dy[i], f32(y[i]) > 0.0);
  }
}
