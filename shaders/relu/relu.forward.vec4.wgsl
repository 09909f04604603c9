// y = max(x, 0), NaN stays NaN, four elements per invocation: len is a multiple of 4.
// Over naive: a quarter of the loads and stores, each four wide.
// Grid: ceil(len / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x y
// include entry/each.wgsl
struct Params { len: u32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  if i < params.len / 4u {
    y[i] = vec4<Y>(select(vec4<f32>(x[i]), vec4<f32>(0.0), vec4<f32>(x[i]) < vec4<f32>(0.0)));
  }
}
