// What winograd.multiply has in common over subgroups of 8 and 16 lanes, LANES: the products of a lane, which has columns
// `lane` and `lane + LANES`, and the outputs of a tile on their way into y.

// The outputs of a tile: row by row.
alias Outputs = array<Rows, 8>;

fn products(x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, sum: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(fma(x.w, w0.w, fma(x.z, w0.z, fma(x.y, w0.y, fma(x.x, w0.x, sum.x)))),
                   fma(x.w, w1.w, fma(x.z, w1.z, fma(x.y, w1.y, fma(x.x, w1.x, sum.y)))));
}

// Where the outputs of a tile lie: the element of y of its first pixel and column 0; and which of its eight pixels there
// are, a bit for each. Divisions by a shape that is no constant are slow: a lane makes them for its own tiles, and the
// others get them by shuffle.
fn outputs_of(tile: u32) -> vec2<u32> {
  let p = place(params, tile);
  let at = ((p.n * params.oh + p.y * 2u) * params.ow + p.x * 4u) * params.c_out;
  let row = (1u << min(params.ow - p.x * 4u, 4u)) - 1u;
  let both = row | select(0u, row << 4u, p.y * 2u + 1u < params.oh);
  return vec2<u32>(at, select(0u, both, tile < tiles(params)));
}

var<private> hidden: u32;

// Two columns of one output pixel.
fn write(at: u32, left: u32, right: u32, value: vec2<f32>) {
  // Division is rounded correctly on a CPU; see `fifteenth` for why the divisor is hidden: wid.z is 0.
  let fifteen = f32(15u + hidden);
  if left != 0u { y[at] = value.x / fifteen; }
  if right != 0u { y[at + LANES] = value.y / fifteen; }
}

// The eight outputs of a tile, upper row first.
fn put(to: vec2<u32>, column: u32, a: vec2<f32>, b: vec2<f32>, c: vec2<f32>, d: vec2<f32>,
       e: vec2<f32>, f: vec2<f32>, g: vec2<f32>, h: vec2<f32>) {
  let left = select(0u, to.y, column < params.c_out);
  let right = select(0u, to.y, column + LANES < params.c_out);
  let upper = to.x + column;
  let lower = upper + params.ow * params.c_out;
  write(upper, left & 1u, right & 1u, a);
  write(upper + params.c_out, left & 2u, right & 2u, b);
  write(upper + 2u * params.c_out, left & 4u, right & 4u, c);
  write(upper + 3u * params.c_out, left & 8u, right & 8u, d);
  write(lower, left & 16u, right & 16u, e);
  write(lower + params.c_out, left & 32u, right & 32u, f);
  write(lower + 2u * params.c_out, left & 64u, right & 64u, g);
  write(lower + 3u * params.c_out, left & 128u, right & 128u, h);
}
