// The moments of winograd.multiply.lanes: of eight tiles, which are a block of 64 pixels, mean and sum of (y - mean)^2 of the four columns of a lane.
// In one pass, by distances from the mean of the first tile: what is off is little, and corrected.
@group(0) @binding(5) var<storage, read_write> moments: array<vec4<f32>>; // [ceil(pixels / 64), 2, groups, c_out]

// Sums of the distances from `shift`, and of their squares.
struct Sums { shift: vec4<f32>, off: vec4<f32>, squares: vec4<f32> }

fn begin(t: Tile) -> Sums {
  let mean = (t.a + t.b + t.c + t.d + t.e + t.f + t.g + t.h) / 8.0;
  return add_tile(Sums(mean, vec4<f32>(0.0), vec4<f32>(0.0)), t);
}

fn add_output(s: Sums, v: vec4<f32>) -> Sums {
  let d = v - s.shift;
  return Sums(s.shift, s.off + d, fma(d, d, s.squares));
}

fn add_tile(s: Sums, t: Tile) -> Sums {
  let upper = add_output(add_output(add_output(add_output(s, t.a), t.b), t.c), t.d);
  return add_output(add_output(add_output(add_output(upper, t.e), t.f), t.g), t.h);
}

// tile: the first of the eight; column: four columns.
fn leave(s: Sums, tile: u32, column: u32) {
  let every = params.groups * params.c_out / 4u;
  if column < every && tile < tiles(params) {
    let to = tile / 8u * 2u * every + column;
    moments[to] = s.shift + s.off / 64.0;
    moments[to + every] = max(s.squares - s.off * s.off / 64.0, vec4<f32>(0.0));
  }
}
