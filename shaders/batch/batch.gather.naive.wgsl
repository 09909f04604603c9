// x[n] = image index[n], of those images that this window holds; the other samples of x stay.
// One invocation owns one value of x. rows: [count, features], the images from `first` on. x [batch, features].
// Grid: ceil(batch features / 64) workgroups, in rows.
// include entry/each.wgsl
struct Params { batch: u32, features: u32, first: u32, count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;

fn each(i: u32) {
  let width = params.features;
  if i >= params.batch * width {
    return;
  }
  let row = index[i / width] - params.first;
  if row >= params.count {
    return;
  }
  x[i] = rows[row * width + i % width];
}
