// t[panel, row, band, column, channel]: the rows G e of every band, see common/winograd_rows.wgsl.
// dy: [n, oh, ow, c_out], t: [ceil(c_out / 32), 6, bands, width, 32].
// One invocation owns one element. Grid: ceil(elements / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> t: array<f32>;

fn pixel(n: u32, y: u32, x: u32, c: u32) -> f32 {
  let inside = y < params.oh && x < params.ow && c < params.c_out;
  return select(0.0, dy[select(0u, ((n * params.oh + y) * params.ow + x) * params.c_out + c, inside)], inside);
}

// Row `row` of G.
fn factors(row: u32) -> vec4<f32> {
  switch row {
    case 0u: { return vec4<f32>(15.0, 0.0, 0.0, 0.0); }
    case 1u: { return vec4<f32>(5.0, 5.0, 5.0, 5.0); }
    case 2u: { return vec4<f32>(-5.0, 5.0, -5.0, 5.0); }
    case 3u: { return vec4<f32>(-16.0, -8.0, -4.0, -2.0); }
    case 4u: { return vec4<f32>(1.0, -2.0, 4.0, -8.0); }
    default: { return vec4<f32>(0.0, 0.0, 0.0, 15.0); }
  }
}

fn each(i: u32) {
  let columns = width(params);
  let band = i / 32u / columns % bands(params);
  let row = i / 32u / columns / bands(params) % 6u;
  let panel = i / 32u / columns / bands(params) / 6u;
  if panel >= (params.c_out + 31u) / 32u {
    return;
  }
  let c = panel * 32u + i % 32u;
  let n = band / bands_per_image(params);
  let y = band % bands_per_image(params) * 4u;
  let column = i / 32u % columns;
  let e = vec4<f32>(pixel(n, y, column, c), pixel(n, y + 1u, column, c), pixel(n, y + 2u, column, c),
                    pixel(n, y + 3u, column, c));
  t[i] = dot(factors(row), e);
}
