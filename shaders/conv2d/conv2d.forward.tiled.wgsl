// As naive, for one group, c_in and c_out multiples of 4 and kernels up to 16 x 16, on GPUs: the product of a matrix of
// pixels x (ky, kx, ci), gathered from x while it is read, with the weights, (ky, kx, ci) x c_out.
// A workgroup owns TILE_M pixels x TILE_N output channels, an invocation 8 x 8 of them: 16 four-wide reads of workgroup
// memory feed 256 multiply-adds, naive reads two words for one. Stages of 16 (ky, kx, ci) pass through workgroup memory;
// the next stage is loaded into registers before the products of this one, which hide its latency.
// Operands are fetched in blocks of 4 x 4: four pixels x four channels, transposed in registers so that workgroup memory
// holds four pixels (or four output channels) of one (ky, kx, ci) in a word of four. Every invocation fetches one block or
// two. Columns are swizzled: the eight invocations that store together hit eight different groups of four banks.
// Per workgroup of 128 x 128: 16 KiB of workgroup memory, about 120 registers, two of them on a multiprocessor with
// 65,536 registers. 64 x 64 gives four times as many workgroups for shapes whose tiles would leave multiprocessors idle.
// Grid: x = ceil(c_out / TILE_N), y and z = ceil(pixels / TILE_M) in rows of at most 32,768; neighbours read the same
// pixels at the same time.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include common/taps.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/tile_outputs_moments.wgsl if moments else conv2d/tile_outputs.wgsl
// include conv2d/windows.wgsl
// include conv2d/stages.wgsl
// include conv2d/forward_tile.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2

// Four channels of one tap for four pixels; a column holds one channel.
fn fetch_x(p: Pixels, k: u32) -> mat4x4<f32> {
  let depth = params.c_in / 4u;
  let tap = k / depth;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let inside = tap_inside(p.mask, ky, kx) & vec4<bool>(ky < params.kh);
  let at = select(vec4<u32>(0u), p.at + (ky * params.w + kx) * depth + k % depth, inside);
  let zero = vec4<f32>(0.0);
  let v = inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), k % depth);
  return transpose(mat4x4<f32>(select(zero, vec4<f32>(v[0]), inside.x), select(zero, vec4<f32>(v[1]), inside.y),
                               select(zero, vec4<f32>(v[2]), inside.z), select(zero, vec4<f32>(v[3]), inside.w)));
}
