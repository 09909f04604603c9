// Left to right with probability params.flip 2^-32.
fn flip(p: Pixel, r: vec4<u32>) -> Pixel {
  return Pixel(p.row, select(p.column, params.w - 1u - p.column, r.x < params.flip), p.filled);
}
