// As coop, near f32 (precision "split"; Ootomo and Yokota 2022): every operand is the sum of two numbers of f16, v = high +
// 2^-11 low, and a product the sum of high high + 2^-11 (high low + low high). The representation errs by 2^-22 at most; the
// part that is dropped, low low, is as small. It is right for weights of any projection.
// Matrix units may truncate their sums: each adds up as many products as a matrix has rows from zero, and f32 additions collect those sums.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/split.wgsl
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/matrix_outputs_moments.wgsl if moments else conv2d/matrix_outputs.wgsl
// include conv2d/weights_any.wgsl
// include conv2d/in_two_parts.wgsl
// include conv2d/forward_matrices.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars
