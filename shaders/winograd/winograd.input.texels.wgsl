// As naive, for c_in a multiple of 4, from a texture. An invocation makes four channels of one tile: it loads 16 texels
// and stores 16. Neighbouring invocations have neighbouring tiles, whose texels of v lie side by side.
// Grid: ceil(tiles in whole blocks of 32 * c_in / 4 / 128), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4<f32>>;

fn pixel(p: Place, row: u32, column: u32, quad: u32) -> vec4<f32> {
  let y = p.y * 2u + row - params.pad_h;
  let x_ = p.x * 2u + column - params.pad_w;
  let inside = p.n < params.n && y < params.h && x_ < params.w;
  let at = ((p.n * params.h + y) * params.w + x_) * (params.c_in / 4u) + quad;
  return select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at, inside))), inside);
}

struct Four { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32> }

// B^T times four rows.
fn transform(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> Four {
  return Four(a - c, b + c, c - b, b - d);
}

fn row(p: Place, y: u32, quad: u32) -> Four {
  return transform(pixel(p, y, 0u, quad), pixel(p, y, 1u, quad), pixel(p, y, 2u, quad), pixel(p, y, 3u, quad));
}

fn put(at: u32, j: u32, m: Four) {
  let step = params.c_in / 4u * 32u;
  v[at + j * step] = m.a;
  v[at + (4u + j) * step] = m.b;
  v[at + (8u + j) * step] = m.c;
  v[at + (12u + j) * step] = m.d;
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 128u + local;
  let quads = params.c_in / 4u;
  let block = i / (quads * 32u);
  if block >= (tiles(params) + 31u) / 32u {
    return;
  }
  let quad = i / 32u % quads;
  let p = place(params, block * 32u + i % 32u);
  let r0 = row(p, 0u, quad);
  let r1 = row(p, 1u, quad);
  let r2 = row(p, 2u, quad);
  let r3 = row(p, 3u, quad);
  let at = (block * 16u * quads + quad) * 32u + i % 32u;
  put(at, 0u, transform(r0.a, r1.a, r2.a, r3.a));
  put(at, 1u, transform(r0.b, r1.b, r2.b, r3.b));
  put(at, 2u, transform(r0.c, r1.c, r2.c, r3.c));
  put(at, 3u, transform(r0.d, r1.d, r2.d, r3.d));
}
