// x[n] = levels[the bytes of image index[n], without index of image n], with mean less that of the channel, of those images that
// this window holds; the other samples of x stay.
// One invocation owns one value of x. rows: [count, ceil(features / 4)] words of four bytes each, lowest first, of the
// images from `first` on. levels: what each byte becomes, so that the values are those that the host would give.
// x [batch, features]. Grid: ceil(batch features / 64) workgroups, in rows.
// include entry/each.wgsl
// include batch/chosen.wgsl if index else batch/in_order.wgsl
// include batch/less_mean.wgsl if mean else batch/as_they_are.wgsl
struct Params { batch: u32, features: u32, first: u32, count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> levels: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;

fn each(i: u32) {
  let width = params.features;
  if i >= params.batch * width {
    return;
  }
  let row = image(i / width) - params.first;
  if row >= params.count {
    return;
  }
  let f = i % width;
  let word = rows[row * ((width + 3u) / 4u) + f / 4u];
  x[i] = centred(levels[(word >> (8u * (f % 4u))) & 255u], f);
}
