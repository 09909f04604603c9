// y = a + b, four elements per invocation: len is a multiple of 4.
// Over naive: a quarter of the loads and stores, each four wide.
// Grid: ceil(len / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32 }
alias A = f32; // map a
alias B = f32; // map b
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<A>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<B>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  if i < params.len / 4u {
    y[i] = vec4<Y>(vec4<f32>(a[i]) + vec4<f32>(b[i]));
  }
}
