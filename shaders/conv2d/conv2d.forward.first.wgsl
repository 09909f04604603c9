// As tiled, for any number of input channels (the first layer): pixels are gathered a word at a time, four of them for one
// (ky, kx, ci), which is already the column that workgroup memory wants. The weights pass through workgroup memory once
// per stage, two stages in all for 3 x 3 x 3.
// Grid: as tiled.
// include common/conv2d.wgsl
// include conv2d/tile_outputs_moments.wgsl if moments else conv2d/tile_outputs.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_fours.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
// include conv2d/forward_operands.wgsl
// include conv2d/tile_product.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>; // unless bits
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
const WORD: u32 = 1u; // channels in a word of x
const LEFT_BY_ROW: bool = true;
const RIGHT_BY_COLUMN: bool = false;

// One (ky, kx, ci) for four pixels.
fn gather(p: Pixels, k: u32) -> vec4<f32> {
  let tap = k / params.c_in;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let inside = tap_inside(p.mask, ky, kx) & vec4<bool>(ky < params.kh);
  let at = select(vec4<u32>(0u), p.at + (ky * params.w + kx) * params.groups * params.c_in + k % params.c_in, inside);
  return select(vec4<f32>(0.0), vec4<f32>(vec4<X>(x[at.x], x[at.y], x[at.z], x[at.w])), inside);
}

fn fetch_left(t: Tile, p: Pixels, k: u32) -> mat4x4<f32> {
  return mat4x4<f32>(gather(p, k), gather(p, k + 1u), gather(p, k + 2u), gather(p, k + 3u));
}

// Four output channels for four (ky, kx, ci) before the end; a column holds one of the latter.
fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let row = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
  let inside = (row < vec4<u32>(t.end)) & vec4<bool>(column < columns);
  let at = select(vec4<u32>(0u), row, inside);
  let own = weights_of(select(0u, t.group * columns + column, column < columns));
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, weights_row(own, at.x), inside.x), select(zero, weights_row(own, at.y), inside.y),
                     select(zero, weights_row(own, at.z), inside.z), select(zero, weights_row(own, at.w), inside.w));
}
