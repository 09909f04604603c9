// v = B^T d C for the 4 x 6 patch d of every tile and channel (common/winograd.wgsl).
// One invocation per element of v.
// Grid: ceil(elements of v / 64), rows of equal length beyond 65,535.
// include entry/each.wgsl
// include common/winograd.wgsl
// include common/winograd_six.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

fn pixel(p: Place, row: u32, column: u32, k: u32) -> f32 {
  let y = p.y * 2u + row - params.pad_h;
  let x_ = p.x * 4u + column - params.pad_w;
  let inside = p.n < params.n && y < params.h && x_ < params.w;
  return select(0.0, x[select(0u, ((p.n * params.h + y) * params.w + x_) * params.c_in + k, inside)], inside);
}

// Row i of B^T.
fn input_rows(i: u32) -> vec4<f32> {
  switch i {
    case 0u: { return vec4<f32>(1.0, 0.0, -1.0, 0.0); }
    case 1u: { return vec4<f32>(0.0, 1.0, 1.0, 0.0); }
    case 2u: { return vec4<f32>(0.0, -1.0, 1.0, 0.0); }
    default: { return vec4<f32>(0.0, 1.0, 0.0, -1.0); }
  }
}

fn each(e: u32) {
  let quads = params.c_in / 4u;
  let block = e / (24u * params.c_in * 32u);
  if block >= (tiles(params) + 31u) / 32u {
    return;
  }
  let k = e / 128u % quads * 4u + e % 4u;
  let p = place(params, block * 32u + e / 4u % 32u);
  let f = e / (quads * 128u) % 24u;
  let rows = input_rows(f / 6u);
  var sum = 0.0;
  for (var c = 0u; c < 6u; c++) {
    let down = vec4<f32>(pixel(p, 0u, c, k), pixel(p, 1u, c, k), pixel(p, 2u, c, k), pixel(p, 3u, c, k));
    sum = fma(six_points_factor(f % 6u, c), dot(rows, down), sum);
  }
  v[e] = sum;
}
