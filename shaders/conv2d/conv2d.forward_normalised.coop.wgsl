// As naive, for what conv2d.forward.coop can run and built like it: x is normalised on its way to workgroup memory, where
// naive does it for every product. The same bits as norm_relu.forward and that convolution one after the other.
// Grid: as conv2d.forward.coop.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl
// include conv2d/leave_matrices.wgsl
// include conv2d/in_one_part.wgsl
// include conv2d/forward_matrices.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(4) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars
