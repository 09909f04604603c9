// As tiled, by matrices of f16 with sums in f32 (precision "f16"), built like conv2d.forward.coop. dy is multiplied by
// gradient_scale before it is rounded, or most of it would be below the range of f16; the result is divided by it.
// Inputs lie in rows of channels, one pixel each, as in memory, and are read as columns of the matrix.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/in_one_part.wgsl
// include conv2d/grad_weight_matrices.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars
