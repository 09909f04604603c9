// As naive, for c_in and c_out multiples of 4 and kernels up to 16 x 16, on GPUs: the product of a matrix of
// pixels x (ky, kx, ci), gathered from x while it is read, with the weights, (ky, kx, ci) x c_out.
// A workgroup owns TILE_M pixels x TILE_N output channels of a group, an invocation 8 x 8 of them: 16 four-wide reads of workgroup
// memory feed 256 multiply-adds, naive reads two words for one. Stages of 16 (ky, kx, ci) pass through workgroup memory;
// the next stage is loaded into registers before the products of this one, which hide its latency.
// Operands are fetched in blocks of 4 x 4: four pixels x four channels, transposed in registers so that workgroup memory
// holds four pixels (or four output channels) of one (ky, kx, ci) in a word of four. Every invocation fetches one block or
// two. Columns are swizzled: the eight invocations that store together hit eight different groups of four banks.
// Per workgroup of 128 x 128: 16 KiB of workgroup memory, about 120 registers, two of them on a multiprocessor with
// 65,536 registers. 64 x 64 gives four times as many workgroups for shapes whose tiles would leave multiprocessors idle.
// Grid: x = splits groups ceil(c_out / TILE_N), y and z = ceil(pixels / TILE_M) in rows of at most 32,768; neighbours read the same
// pixels at the same time.
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/tile_outputs_moments.wgsl if moments else conv2d/tile_outputs.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_fours.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
// include conv2d/forward_fours.wgsl
// include conv2d/tile_product.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>; // unless bits
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
const LEFT_BY_ROW: bool = true;
const RIGHT_BY_COLUMN: bool = false;

fn fetch_left(t: Tile, p: Pixels, k: u32) -> mat4x4<f32> {
  return transpose(widened(fetch_x(t, p, k)));
}

fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  return fetch_w(t, column, k);
}
