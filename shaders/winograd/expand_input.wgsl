// What the variants of winograd.input share that make four channels of a tile at a time: 24 loads, 24 stores. The file around it
// binds v and gives `input_at(i, quad)`: elements 4 i .. 4 i + 3 of the input, which are number `quad` of the fours of a pixel.
// include common/winograd.wgsl
fn pixel(p: Place, row: u32, column: u32, quad: u32) -> vec4<f32> {
  let y = p.y * 2u + row - params.pad_h;
  let x_ = p.x * 4u + column - params.pad_w;
  let inside = p.n < params.n && y < params.h && x_ < params.w;
  let at = ((p.n * params.h + y) * params.w + x_) * (params.c_in / 4u) + quad;
  return select(vec4<f32>(0.0), input_at(select(0u, at, inside), quad), inside);
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
fn put_row(at: u32, row: u32, d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>, d3: vec4<f32>, d4: vec4<f32>, d5: vec4<f32>) {
  let step = params.c_in / 4u * 32u;
  let to = at + row * 6u * step;
  v[to] = d0 + 1.5 * (d3 - d1) - 2.0 * d2 + d4;
  v[to + step] = d4 + 2.5 * d3 + 0.5 * d2 - d1;
  v[to + 2u * step] = d4 + 0.5 * d3 - 2.5 * d2 + d1;
  v[to + 3u * step] = d4 - d2 + 2.0 * (d3 - d1);
  v[to + 4u * step] = d4 - d2 - 0.5 * (d3 - d1);
  v[to + 5u * step] = d1 + 1.5 * (d4 - d2) - 2.0 * d3 + d5;
}

// Four channels of a tile of v, beyond the last tile zeros.
fn expand(tile: u32, quad: u32) {
  let quads = params.c_in / 4u;
  let p = place(params, tile);
  let c0 = column(p, 0u, quad);
  let c1 = column(p, 1u, quad);
  let c2 = column(p, 2u, quad);
  let c3 = column(p, 3u, quad);
  let c4 = column(p, 4u, quad);
  let c5 = column(p, 5u, quad);
  let at = (tile / 32u * 24u * quads + quad) * 32u + tile % 32u;
  put_row(at, 0u, c0.a, c1.a, c2.a, c3.a, c4.a, c5.a);
  put_row(at, 1u, c0.b, c1.b, c2.b, c3.b, c4.b, c5.b);
  put_row(at, 2u, c0.c, c1.c, c2.c, c3.c, c4.c, c5.c);
  put_row(at, 3u, c0.d, c1.d, c2.d, c3.d, c4.d, c5.d);
}
