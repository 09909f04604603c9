// u = G g H^T for every pair of channels (common/winograd.wgsl), g turned by 180 degrees if `flip`.
// One invocation per element of u.
// Grid: ceil(elements of u / 64), rows of equal length beyond 65,535.
// include entry/each.wgsl
// include common/winograd.wgsl
// include winograd/filter_bits.wgsl if bits else winograd/filter_scalars.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>; // unless bits
@group(0) @binding(2) var<storage, read_write> u: array<f32>;

// Row i of G and of H.
fn filter_rows(i: u32) -> vec3<f32> {
  switch i {
    case 0u: { return vec3<f32>(1.0, 0.0, 0.0); }
    case 1u: { return vec3<f32>(0.5, 0.5, 0.5); }
    case 2u: { return vec3<f32>(0.5, -0.5, 0.5); }
    default: { return vec3<f32>(0.0, 0.0, 1.0); }
  }
}

fn filter_columns(j: u32) -> vec3<f32> {
  switch j {
    case 0u: { return vec3<f32>(15.0, 0.0, 0.0); }
    case 1u: { return vec3<f32>(5.0, 5.0, 5.0); }
    case 2u: { return vec3<f32>(-5.0, 5.0, -5.0); }
    case 3u: { return vec3<f32>(-16.0, -8.0, -4.0); }
    case 4u: { return vec3<f32>(1.0, -2.0, 4.0); }
    default: { return vec3<f32>(0.0, 0.0, 15.0); }
  }
}

fn each(e: u32) {
  let quads = params.c_in / 4u;
  let block = e / (24u * params.c_in * 32u);
  if block >= (params.groups * params.c_out + 31u) / 32u {
    return;
  }
  let k = e / 128u % quads * 4u + e % 4u;
  let column = block * 32u + e / 4u % 32u;
  let f = e / (quads * 128u) % 24u;
  var sum = 0.0;
  let rows = filter_rows(f / 6u);
  let columns = filter_columns(f % 6u);
  let every = params.groups * params.c_out;
  if column < every {
    for (var ky = 0u; ky < 3u; ky++) {
      for (var kx = 0u; kx < 3u; kx++) {
        sum = fma(rows[ky] * columns[kx], filter_of(ky, kx, k, column), sum);
      }
    }
  }
  u[e] = sum;
}
