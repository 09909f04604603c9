// As batch.gather_bytes.naive, four values per invocation: features is a multiple of 4.
// Over naive: one word gives four values; stores four wide.
// Grid: ceil(batch features / 256) workgroups, in rows.
// include entry/each.wgsl
// include batch/chosen.wgsl if index else batch/in_order.wgsl
// include batch/less_mean.wgsl if mean else batch/as_they_are.wgsl
struct Params { batch: u32, features: u32, first: u32, count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> levels: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4<f32>>;

fn each(i: u32) {
  let width = params.features / 4u;
  if i >= params.batch * width {
    return;
  }
  let row = image(i / width) - params.first;
  if row >= params.count {
    return;
  }
  let four = i % width;
  let word = rows[row * width + four];
  let f = 4u * four;
  x[i] = vec4<f32>(
    centred(levels[word & 255u], f), centred(levels[(word >> 8u) & 255u], f + 1u),
    centred(levels[(word >> 16u) & 255u], f + 2u), centred(levels[word >> 24u], f + 3u));
}
