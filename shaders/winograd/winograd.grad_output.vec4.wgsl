// As naive, for c_out a multiple of 4, on GPUs: an invocation makes four channels of a tile, with 8 loads and 24 stores; which, as in
// winograd/expand_input_blocks.wgsl.
// Grid: ceil(c_out / 16) * blocks of 32 tiles, rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> e: array<vec4<f32>>;

fn gradient(p: Place, row: u32, column: u32, quad: u32) -> vec4<f32> {
  let oy = p.y * 2u + row;
  let ox = p.x * 4u + column;
  let inside = p.n < params.n && oy < params.oh && ox < params.ow;
  let at = ((p.n * params.oh + oy) * params.ow + ox) * (params.c_out / 4u) + quad;
  return select(vec4<f32>(0.0), dy[select(0u, at, inside)], inside);
}

// One row of places: four columns times D^T.
fn put_row(at: u32, row: u32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) {
  let step = params.c_out / 4u * 32u;
  let to = at + row * 6u * step;
  e[to] = a;
  e[to + step] = (a + c) + (b + d);
  e[to + 2u * step] = (a + c) - (b + d);
  e[to + 3u * step] = a + 0.5 * b + 0.25 * c + 0.125 * d;
  e[to + 4u * step] = a - 2.0 * b + 4.0 * c - 8.0 * d;
  e[to + 5u * step] = d;
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count);
  let quads = params.c_out / 4u;
  let across = (params.c_out + 15u) / 16u;
  let quad = i % across * 4u + local % 4u;
  let block = i / across;
  if quad >= quads || block >= (tiles(params) + 31u) / 32u {
    return;
  }
  let p = place(params, block * 32u + local / 4u);
  let a = gradient(p, 0u, 0u, quad);
  let b = gradient(p, 0u, 1u, quad);
  let c = gradient(p, 0u, 2u, quad);
  let d = gradient(p, 0u, 3u, quad);
  let lower_a = gradient(p, 1u, 0u, quad);
  let lower_b = gradient(p, 1u, 1u, quad);
  let lower_c = gradient(p, 1u, 2u, quad);
  let lower_d = gradient(p, 1u, 3u, quad);
  let at = (block * 24u * quads + quad) * 32u + local / 4u;
  put_row(at, 0u, a, b, c, d);
  put_row(at, 1u, a + lower_a, b + lower_b, c + lower_c, d + lower_d);
  put_row(at, 2u, a - lower_a, b - lower_b, c - lower_c, d - lower_d);
  put_row(at, 3u, -lower_a, -lower_b, -lower_c, -lower_d);
}
