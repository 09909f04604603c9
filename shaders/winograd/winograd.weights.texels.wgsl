// As naive, for c_in and c_out multiples of 4, from a texture. An invocation makes four columns of four channels: it
// loads their 4 x 4 weights of each tap and stores 24 x 4 texels.
// Grid: ceil(c_in / 4 * columns in whole blocks of 32 / 4 / 64), rows of equal length beyond 65,535.
// in pairs u
// include entry/each.wgsl
// include common/texels.wgsl
// include common/winograd.wgsl
// include winograd/filter_bits.wgsl if bits else winograd/filter_texels.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>; // unless bits
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;

// G times three rows.
struct Four { a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>, d: mat4x4<f32> }

fn expand(a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>) -> Four {
  let outer = a + c;
  return Four(a, 0.5 * (outer + b), 0.5 * (outer - b), c);
}

fn put(at: u32, place: u32, m: mat4x4<f32>) {
  let to = at + place * (params.c_in / 4u * 32u);
  u[to] = m[0];
  u[to + 1u] = m[1];
  u[to + 2u] = m[2];
  u[to + 3u] = m[3];
}

// One row of places: three columns times H^T.
fn write_row(at: u32, row: u32, a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>) {
  let outer = 5.0 * (a + c);
  put(at, row * 6u, 15.0 * a);
  put(at, row * 6u + 1u, outer + 5.0 * b);
  put(at, row * 6u + 2u, 5.0 * b - outer);
  put(at, row * 6u + 3u, -16.0 * a - 8.0 * b - 4.0 * c);
  put(at, row * 6u + 4u, a - 2.0 * b + 4.0 * c);
  put(at, row * 6u + 5u, 15.0 * c);
}

fn each(i: u32) {
  let quads = params.c_in / 4u;
  let block_of = i / (quads * 8u);
  let every = params.groups * params.c_out;
  if block_of >= (every + 31u) / 32u {
    return;
  }
  let k = i / 8u % quads * 4u;
  let column = block_of * 32u + i % 8u * 4u;
  // Columns beyond the last: zeros, made from the first.
  let own = select(0u, column, column < every);
  let keep = select(0.0, 1.0, column < every);
  let left = expand(keep * block(0u, 0u, k, own), keep * block(1u, 0u, k, own), keep * block(2u, 0u, k, own));
  let middle = expand(keep * block(0u, 1u, k, own), keep * block(1u, 1u, k, own), keep * block(2u, 1u, k, own));
  let right = expand(keep * block(0u, 2u, k, own), keep * block(1u, 2u, k, own), keep * block(2u, 2u, k, own));
  let at = (block_of * 24u * quads + i / 8u % quads) * 32u + i % 8u * 4u;
  write_row(at, 0u, left.a, middle.a, right.a);
  write_row(at, 1u, left.b, middle.b, right.b);
  write_row(at, 2u, left.c, middle.c, right.c);
  write_row(at, 3u, left.d, middle.d, right.d);
}
