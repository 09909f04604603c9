// As tiled, by matrices of f16, built like conv2d.forward.coop, with its three variants. dy is multiplied by gradient_scale before it
// is rounded, or most of it would be below the range of f16; the result is divided by it. The weights of an input channel lie in a
// row of output channels, as in memory, and are read as columns of the matrix.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include common/gradient_scale.wgsl
// include conv2d/matrix_outputs.wgsl
// include conv2d/grad_input_operands.wgsl
// include conv2d/matrix_product.wgsl
@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const PRODUCTS: u32 = 1u; // variant 1 2 3
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars

const LEFT_BY_ROW: bool = true; // workgroup memory: left [pixel][k], right [channel][k]
const RIGHT_BY_COLUMN: bool = true;

fn left_matrix(part: u32, row: u32, k: u32) -> LeftMatrix {
  return coopLoadT<LeftMatrix>(&left[FOUR * (part * LEFT_FOURS + row * LEFT + k / 4u)], FOUR * LEFT);
}

fn right_matrix(part: u32, k: u32, column: u32) -> RightMatrix {
  return coopLoad<RightMatrix>(&right[FOUR * (part * RIGHT_FOURS + column * RIGHT + k / 4u)], FOUR * RIGHT);
}

fn fetch_left(t: Tile, p: Pixels, k: u32) -> mat4x4<f32> {
  return gradient_scale(params) * fetch_dy(t.c, p, k);
}

fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  return fetch_w(t, column, k);
}

fn result_scale() -> f32 {
  return 1.0 / gradient_scale(params) * magnitude();
}
