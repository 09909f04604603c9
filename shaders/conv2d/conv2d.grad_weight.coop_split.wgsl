// As coop, near f32, with both operands in two parts: conv2d.forward.coop_split says how.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/split.wgsl
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/weights_any.wgsl
// include conv2d/in_two_parts.wgsl
// include conv2d/grad_weight_matrices.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars
