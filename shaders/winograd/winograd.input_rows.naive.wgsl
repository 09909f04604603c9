// t[panel, row, band, column, channel]: the rows B^T d of every band, see common/winograd_rows.wgsl.
// x: [n, h, w, c_in], t: [ceil(c_in / 32), 6, bands, width + 2, 32]. Column 0 is column -pad_w of the input.
// One invocation owns one element. Grid: ceil(elements / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/winograd_rows.wgsl
// include common/winograd_six.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> t: array<f32>;

fn pixel(n: u32, y: u32, x_: u32, c: u32) -> f32 {
  let inside = y < params.h && x_ < params.w && c < params.c_in;
  return select(0.0, x[select(0u, ((n * params.h + y) * params.w + x_) * params.c_in + c, inside)], inside);
}

fn each(i: u32) {
  let columns = width(params) + 2u;
  let band = i / 32u / columns % bands(params);
  let row = i / 32u / columns / bands(params) % 6u;
  let panel = i / 32u / columns / bands(params) / 6u;
  if panel >= (params.c_in + 31u) / 32u {
    return;
  }
  let c = panel * 32u + i % 32u;
  let at = i / 32u % columns - params.pad_w;
  let n = band / bands_per_image(params);
  let y = band % bands_per_image(params) * 4u - params.pad_h;
  var sum = 0.0;
  for (var k = 0u; k < 6u; k++) {
    sum = fma(six_points_factor(row, k), pixel(n, y + k, at, c), sum);
  }
  t[i] = sum;
}
