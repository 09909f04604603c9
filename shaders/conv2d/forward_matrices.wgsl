// What conv2d/forward_coop.wgsl and conv2d/forward_coop_split.wgsl share: how the operands lie in workgroup memory, and what they fetch.
// include conv2d/matrix_tile.wgsl
// include conv2d/windows.wgsl

// Words of four in a row of workgroup memory: left [row][k], right [k][column].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = TILE_N / 4u + 2u;
var<workgroup> left: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> right: array<vec4<f16>, STAGE * RIGHT>;

// Four output channels for four channels of one tap; a column holds one of the latter.
fn fetch_w(column: u32, k: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let inside = column < columns && k * 4u < params.kh * params.kw * params.c_in;
  let at = select(0u, k * 4u * columns + column, inside);
  let step = select(0u, columns, inside);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, w[at], inside), select(zero, w[at + step], inside),
                     select(zero, w[at + 2u * step], inside), select(zero, w[at + 3u * step], inside));
}
