// m[split, row, kx, ci, g, co] = sum over the bands of the split and the columns of left[row, column + kx, g, ci] times
// right[row, column, g, co]: for each of the six transformed rows the gradient of a filter of one row.
// left: [ceil(groups c_in / 32), 6, bands, width + 2, 32], right: [ceil(groups c_out / 32), 6, bands, width, 32], see
// common/winograd_rows.wgsl; m: [splits, 6, 3, c_in, groups, c_out].
// One invocation owns one element. Grid: ceil(elements / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;

fn each(i: u32) {
  let every = params.groups * params.c_out;
  let co = i % every;
  let ci = co / params.c_out * params.c_in + i / every % params.c_in;
  let kx = i / every / params.c_in % 3u;
  let row = i / every / params.c_in / 3u % 6u;
  let split = i / every / params.c_in / 18u;
  if split >= params.splits {
    return;
  }
  let columns = width(params);
  let from_left = (ci / 32u * 6u + row) * bands(params);
  let from_right = (co / 32u * 6u + row) * bands(params);
  var sum = 0.0;
  for (var band = first_band(params, split); band < first_band(params, split + 1u); band++) {
    for (var k = 0u; k < columns; k++) {
      let a = left[((from_left + band) * (columns + 2u) + k + kx) * 32u + ci % 32u];
      let b = right[((from_right + band) * columns + k) * 32u + co % 32u];
      sum = fma(a, b, sum);
    }
  }
  m[i] = sum;
}
