// As coop_split, for weights that are 0 or + - one magnitude, as some projections leave them (sign, round, stoch): their signs
// are exact in f16, so two products of matrices do the work of three, and half as much of the weights lies in workgroup
// memory. Grid: as conv2d.forward.coop_split.
enable f16;
enable wgpu_cooperative_matrix;
// include common/split.wgsl
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/matrix_outputs_moments.wgsl if moments else conv2d/matrix_outputs.wgsl
// include conv2d/weights_signs.wgsl
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
