// dx = dy where y > 0, else 0; four elements per invocation: len is a multiple of 4.
// Over naive: a quarter of the loads and stores, each four wide.
// Grid: ceil(len / 256) workgroups, in rows (common/grid.wgsl).
// in pairs y dy dx
// include entry/each.wgsl
struct Params { len: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<vec4<Y>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  if i < params.len / 4u {
    dx[i] = select(vec4<f32>(0.0), dy[i], vec4<f32>(y[i]) > vec4<f32>(0.0));
  }
}
