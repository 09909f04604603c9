// As tiled, by matrices of f16 with sums in f32, 16 x 16 x 16 or 8 x 8 x 8, and subgroups of 8 to 64 invocations, as the adapter has
// them. The variants of this file differ in PRODUCTS (conv2d/matrix_product.wgsl):
//   coop (precision "f16"): 1. w, and x where it is no map of f16 already, are rounded to f16; y is rounded where it is one.
//   coop_split (precision "split"): 3, near f32, right for weights of any projection.
//   coop_ternary: 2, as good, for weights that are 0 or + - one magnitude, as some projections leave them (sign, round, stoch): two
//   products do the work of three, and half as much of the weights lies in workgroup memory.
// A workgroup owns TILE_M pixels x TILE_N output channels of a group, a subgroup TILE_M / 2 x 32 of them.
// 64 x 64: 19 KiB of workgroup memory for coop, so a multiprocessor with 228 KiB holds a dozen; every matrix of 16 x 16 that is
// read serves two products. With 128 rows the right operand serves four, at half the number of workgroups.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/matrix_outputs_moments.wgsl if moments else conv2d/matrix_outputs.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_fours.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
// include conv2d/forward_fours.wgsl
// include conv2d/matrix_product.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>; // unless bits
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const PRODUCTS: u32 = 1u; // variant 1 2 3
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars

const LEFT_BY_ROW: bool = true; // workgroup memory: left [pixel][k], right [k][channel]
const RIGHT_BY_COLUMN: bool = false;

fn left_matrix(part: u32, row: u32, k: u32) -> LeftMatrix {
  return coopLoadT<LeftMatrix>(&left[FOUR * (part * LEFT_FOURS + row * LEFT + k / 4u)], FOUR * LEFT);
}

fn right_matrix(part: u32, k: u32, column: u32) -> RightMatrix {
  return coopLoadT<RightMatrix>(&right[FOUR * (part * RIGHT_FOURS + k * RIGHT + column / 4u)], FOUR * RIGHT);
}

fn fetch_left(t: Tile, p: Pixels, k: u32) -> mat4x4<Input> {
  return fetch_x(t, p, k);
}

fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  return fetch_w(t, column, k);
}

fn result_scale() -> f32 {
  return magnitude();
}
