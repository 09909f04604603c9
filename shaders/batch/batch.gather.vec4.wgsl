// As batch.gather.naive, four values per invocation: features is a multiple of 4.
// Over naive: loads and stores four wide.
// Grid: ceil(batch features / 256) workgroups, in rows.
// include entry/each.wgsl
struct Params { batch: u32, features: u32, first: u32, count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4<f32>>;

fn each(i: u32) {
  let width = params.features / 4u;
  if i >= params.batch * width {
    return;
  }
  let row = index[i / width] - params.first;
  if row >= params.count {
    return;
  }
  x[i] = rows[row * width + i % width];
}
