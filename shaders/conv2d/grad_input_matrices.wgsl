// What conv2d.grad_input.coop and conv2d/grad_input_coop_split.wgsl share: how the operands lie in workgroup memory, and what they fetch.
// include conv2d/matrix_tile.wgsl
// include conv2d/classes.wgsl

// Words of four in a row of workgroup memory: left [row][k], right [column][k].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = STAGE / 4u + 2u;
var<workgroup> left: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> right: array<vec4<f16>, TILE_N * RIGHT>;

// Four output channels of one tap for four pixels; a column holds one pixel.
fn fetch_dy(c: Class, p: Pixels, k: u32) -> mat4x4<f32> {
  let depth = params.c_out / 4u;
  let tap = k / depth;
  let i = tap / max(c.taps_x, 1u);
  let j = tap % max(c.taps_x, 1u);
  let inside = tap_inside(p.mask, i, j) & vec4<bool>(i < c.taps_y);
  let at = select(vec4<u32>(0u), p.at - (i * params.ow + j) * depth + k % depth, inside);
  return mat4x4<f32>(select(vec4<f32>(0.0), dy[at.x], inside.x), select(vec4<f32>(0.0), dy[at.y], inside.y),
                     select(vec4<f32>(0.0), dy[at.z], inside.z), select(vec4<f32>(0.0), dy[at.w], inside.w));
}

// Four input channels for four output channels of one tap; a column holds one of the former.
fn fetch_w(c: Class, column: u32, k: u32) -> mat4x4<f32> {
  let depth = params.c_out / 4u;
  let tap = k / depth;
  let ky = c.first_y + tap / max(c.taps_x, 1u) * params.stride_h;
  let kx = c.first_x + tap % max(c.taps_x, 1u) * params.stride_w;
  let inside = column * 4u < params.c_in && ky < params.kh;
  let at = select(0u, ((ky * params.kw + kx) * params.c_in + column * 4u) * depth + k % depth, inside);
  let step = select(0u, depth, inside);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, w[at], inside), select(zero, w[at + step], inside),
                     select(zero, w[at + 2u * step], inside), select(zero, w[at + 3u * step], inside));
}
