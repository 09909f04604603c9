// What winograd.multiply has in common over subgroups of 8 and 16 lanes, LANES: the products of a lane, which has columns
// `lane` and `lane + LANES`, and the outputs of a tile on their way into y.

// The outputs of a tile: row by row.
alias Outputs = array<Rows, 8>;

fn products(x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, sum: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(fma(x.w, w0.w, fma(x.z, w0.z, fma(x.y, w0.y, fma(x.x, w0.x, sum.x)))),
                   fma(x.w, w1.w, fma(x.z, w1.z, fma(x.y, w1.y, fma(x.x, w1.x, sum.y)))));
}

var<private> hidden: u32;

// Two columns of one output pixel.
fn write(at: u32, column: u32, value: vec2<f32>) {
  // Division is rounded correctly on a CPU; see `fifteenth` for why the divisor is hidden: wid.z is 0.
  let fifteen = f32(15u + hidden);
  if params.c_out % (2u * LANES) == 0u || column < params.c_out { y[at] = value.x / fifteen; }
  if params.c_out % (2u * LANES) == 0u || column + LANES < params.c_out { y[at + LANES] = value.y / fifteen; }
}

// Four outputs side by side.
fn put_row(at: u32, ox: u32, column: u32, a: vec2<f32>, b: vec2<f32>, c: vec2<f32>, d: vec2<f32>) {
  write(at, column, a);
  if params.ow % 4u == 0u || ox + 1u < params.ow { write(at + params.c_out, column, b); }
  if params.ow % 4u == 0u || ox + 2u < params.ow { write(at + 2u * params.c_out, column, c); }
  if params.ow % 4u == 0u || ox + 3u < params.ow { write(at + 3u * params.c_out, column, d); }
}

fn put_upper(tile: u32, column: u32, a: vec2<f32>, b: vec2<f32>, c: vec2<f32>, d: vec2<f32>) {
  if tiles(params) % 32u == 0u || tile < tiles(params) {
    let p = place(params, tile);
    put_row(((p.n * params.oh + p.y * 2u) * params.ow + p.x * 4u) * params.c_out + column, p.x * 4u, column, a, b, c, d);
  }
}

fn put_lower(tile: u32, column: u32, a: vec2<f32>, b: vec2<f32>, c: vec2<f32>, d: vec2<f32>) {
  let p = place(params, tile);
  let oy = p.y * 2u + 1u;
  if (tiles(params) % 32u == 0u || tile < tiles(params)) && (params.oh % 2u == 0u || oy < params.oh) {
    put_row(((p.n * params.oh + oy) * params.ow + p.x * 4u) * params.c_out + column, p.x * 4u, column, a, b, c, d);
  }
}
