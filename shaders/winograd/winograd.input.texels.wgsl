// As naive, for c_in a multiple of 4, from a texture. An invocation makes four channels of one tile: it loads 24 texels
// and stores 24. Neighbouring invocations have neighbouring tiles, whose texels of v lie side by side.
// Grid: ceil(tiles in whole blocks of 32 * c_in / 4 / 128), rows of equal length beyond 65,535.
// in pairs x v
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd.wgsl
// include common/winograd_six.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var<storage, read_write> v: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

fn pixel(p: Place, row: u32, column: u32, quad: u32) -> vec4<f32> {
  let y = p.y * 2u + row - params.pad_h;
  let x_ = p.x * 4u + column - params.pad_w;
  let inside = p.n < params.n && y < params.h && x_ < params.w;
  let at = ((p.n * params.h + y) * params.w + x_) * (params.c_in / 4u) + quad;
  return select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at, inside))), inside);
}

// B^T times a column of the patch.
struct Four { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32> }

fn column(p: Place, x: u32, quad: u32) -> Four {
  let a = pixel(p, 0u, x, quad);
  let b = pixel(p, 1u, x, quad);
  let c = pixel(p, 2u, x, quad);
  let d = pixel(p, 3u, x, quad);
  return Four(a - c, b + c, c - b, b - d);
}

// One row of places: six columns times C.
fn write_row(at: u32, row: u32, d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>, d3: vec4<f32>, d4: vec4<f32>, d5: vec4<f32>) {
  let step = params.c_in / 4u * 32u;
  let to = at + row * 6u * step;
  let t = six_points(d0, d1, d2, d3, d4, d5);
  v[to] = t.a;
  v[to + step] = t.b;
  v[to + 2u * step] = t.c;
  v[to + 3u * step] = t.d;
  v[to + 4u * step] = t.e;
  v[to + 5u * step] = t.f;
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
  let c0 = column(p, 0u, quad);
  let c1 = column(p, 1u, quad);
  let c2 = column(p, 2u, quad);
  let c3 = column(p, 3u, quad);
  let c4 = column(p, 4u, quad);
  let c5 = column(p, 5u, quad);
  let at = (block * 24u * quads + quad) * 32u + i % 32u;
  write_row(at, 0u, c0.a, c1.a, c2.a, c3.a, c4.a, c5.a);
  write_row(at, 1u, c0.b, c1.b, c2.b, c3.b, c4.b, c5.b);
  write_row(at, 2u, c0.c, c1.c, c2.c, c3.c, c4.c, c5.c);
  write_row(at, 3u, c0.d, c1.d, c2.d, c3.d, c4.d, c5.d);
}
