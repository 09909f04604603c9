// As naive, for what conv2d.grad_weight.coop can run and built like it: x is normalised on its way to workgroup memory, by
// constants that an invocation needs for four channels alone. Grid: as conv2d.grad_weight.coop.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl
// include conv2d/in_one_part.wgsl
// include conv2d/grad_weight_matrices.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars
