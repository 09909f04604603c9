// As tiled, by matrices of f16, built like conv2d.forward.coop, with its variants coop and coop_split. dy is multiplied by
// gradient_scale before it is rounded, or most of it would be below the range of f16; the result is divided by it.
// Inputs lie in rows of channels, one pixel each, as in memory, and are read as columns of the matrix.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include common/gradient_scale.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/matrix_outputs.wgsl
// include conv2d/grad_weight_operands.wgsl
// include conv2d/matrix_product.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const PRODUCTS: u32 = 1u; // variant 1 2 3
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars

const LEFT_BY_ROW: bool = false; // workgroup memory: left [pixel][row], right [pixel][channel]
const RIGHT_BY_COLUMN: bool = false;

fn left_matrix(part: u32, row: u32, k: u32) -> LeftMatrix {
  return coopLoad<LeftMatrix>(&left[FOUR * (part * LEFT_FOURS + k * LEFT + row / 4u)], FOUR * LEFT);
}

fn right_matrix(part: u32, k: u32, column: u32) -> RightMatrix {
  return coopLoadT<RightMatrix>(&right[FOUR * (part * RIGHT_FOURS + k * RIGHT + column / 4u)], FOUR * RIGHT);
}

fn fetch_left(t: Tile, r: Rows, k: u32) -> mat4x4<Input> {
  return fetch_x(t, r, k);
}

fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  return gradient_scale(params) * fetch_dy(t, column, k);
}

fn result_scale() -> f32 {
  return 1.0 / gradient_scale(params);
}
