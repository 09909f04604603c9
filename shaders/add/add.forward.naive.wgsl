// y = a + b.
// One invocation owns one element. a, b, y: any shape, flat.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32 }
alias A = f32; // map a
alias B = f32; // map b
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<A>;
@group(0) @binding(2) var<storage, read> b: array<B>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i < params.len {
    y[i] = Y(f32(a[i]) + f32(b[i]));
  }
}
