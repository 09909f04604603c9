// y += x, four elements per invocation: len is a multiple of 4.
// Over naive: a quarter of the loads and stores, each four wide.
// Grid: ceil(len / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn each(i: u32) {
  if i < params.len / 4u {
    y[i] += x[i];
  }
}
