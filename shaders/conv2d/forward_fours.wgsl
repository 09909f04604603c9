// Operands of a forward pass in fours of channels (conv2d/forward_operands.wgsl): x as words of four, four terms of one tap at a time. The file around it
// says how weights are stored (conv2d/stored_*.wgsl).
// include conv2d/forward_operands.wgsl
const WORD: u32 = 4u; // channels in a word of x

// The terms k .. k + 3 for four pixels; a column holds one pixel.
fn fetch_x(t: Tile, p: Pixels, k: u32) -> mat4x4<Input> {
  let depth = params.c_in / 4u;
  let quad = k / 4u % depth;
  let tap = k / 4u / depth;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let inside = tap_inside(p.mask, ky, kx) & vec4<bool>(k < t.end);
  let at = select(vec4<u32>(0u), p.at + (ky * params.w + kx) * params.groups * depth + quad, inside);
  return where_inside(inside, inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), t.group * depth + quad));
}

// Four output channels for the terms k .. k + 3; a column holds one of the terms.
fn fetch_w(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let inside = column < columns && k < t.end;
  let v = weights_block(weights_of(select(0u, t.group * columns + column, inside)), select(0u, k, inside));
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, v[0], inside), select(zero, v[1], inside), select(zero, v[2], inside), select(zero, v[3], inside));
}
