// As naive, for c_in and c_out multiples of 4, from a texture. An invocation makes four columns of four channels: it
// loads their 4 x 4 weights of each tap and stores 16 x 4 texels.
// Grid: ceil(c_in / 4 * columns in whole blocks of 16 / 4 / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;

// The weights of a tap: column c of the matrix holds four channels of output column c.
fn block(ky: u32, kx: u32, k: u32, column: u32) -> mat4x4<f32> {
  if params.flip != 0u {
    let at = (((2u - ky) * 3u + 2u - kx) * params.c_out + column) * params.c_in + k;
    let row = params.c_in / 4u;
    return mat4x4<f32>(textureLoad(w, texel(at / 4u)), textureLoad(w, texel(at / 4u + row)),
                       textureLoad(w, texel(at / 4u + 2u * row)), textureLoad(w, texel(at / 4u + 3u * row)));
  }
  let at = ((ky * 3u + kx) * params.c_in + k) * params.c_out + column;
  let row = params.c_out / 4u;
  return transpose(mat4x4<f32>(textureLoad(w, texel(at / 4u)), textureLoad(w, texel(at / 4u + row)),
                               textureLoad(w, texel(at / 4u + 2u * row)), textureLoad(w, texel(at / 4u + 3u * row))));
}

// G times three rows.
struct Four { a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>, d: mat4x4<f32> }

fn expand(a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>) -> Four {
  let outer = a + c;
  return Four(a, 0.5 * (outer + b), 0.5 * (outer - b), c);
}

fn put(at: u32, f: u32, m: mat4x4<f32>) {
  let to = at + f * (params.c_in / 4u * 16u);
  u[to] = m[0];
  u[to + 1u] = m[1];
  u[to + 2u] = m[2];
  u[to + 3u] = m[3];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 64u + local;
  let quads = params.c_in / 4u;
  let block_of = i / (quads * 4u);
  if block_of >= (params.c_out + 15u) / 16u {
    return;
  }
  let k = i / 4u % quads * 4u;
  let column = block_of * 16u + i % 4u * 4u;
  // Columns beyond the last: zeros, made from the first.
  let own = select(0u, column, column < params.c_out);
  let keep = select(0.0, 1.0, column < params.c_out);
  let top = expand(block(0u, 0u, k, own), block(0u, 1u, k, own), block(0u, 2u, k, own));
  let middle = expand(block(1u, 0u, k, own), block(1u, 1u, k, own), block(1u, 2u, k, own));
  let bottom = expand(block(2u, 0u, k, own), block(2u, 1u, k, own), block(2u, 2u, k, own));
  let at = (block_of * 16u * quads + i / 4u % quads) * 16u + i % 4u * 4u;
  let a = expand(keep * top.a, keep * middle.a, keep * bottom.a);
  put(at, 0u, a.a);
  put(at, 4u, a.b);
  put(at, 8u, a.c);
  put(at, 12u, a.d);
  let b = expand(keep * top.b, keep * middle.b, keep * bottom.b);
  put(at, 1u, b.a);
  put(at, 5u, b.b);
  put(at, 9u, b.c);
  put(at, 13u, b.d);
  let c = expand(keep * top.c, keep * middle.c, keep * bottom.c);
  put(at, 2u, c.a);
  put(at, 6u, c.b);
  put(at, 10u, c.c);
  put(at, 14u, c.d);
  let d = expand(keep * top.d, keep * middle.d, keep * bottom.d);
  put(at, 3u, d.a);
  put(at, 7u, d.b);
  put(at, 11u, d.c);
  put(at, 15u, d.d);
}
