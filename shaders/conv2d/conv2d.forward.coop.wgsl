// As tiled, by matrices of f16 with sums in f32 (precision "f16"): w, and x where it is no map of f16 already, are rounded to
// f16 on their way to workgroup memory; y is rounded where it is one. Matrices are 16 x 16 x 16 or 8 x 8 x 8, subgroups of 8 to
// 64 invocations, as the adapter has them.
// A workgroup owns TILE_M pixels x TILE_N output channels, a subgroup TILE_M / 2 x 32 of them.
// Stages of 32 (ky, kx, ci) pass through workgroup memory; the next stage is loaded into registers before the products of
// this one. Rows are 16 bytes longer than their content, so that eight rows of a matrix lie in different banks. Bounds of loops
// over matrices and blocks are constants: a driver unrolls them, and keeps the arrays in registers.
// Matrix operations want every invocation: tiles that reach beyond the pixels or channels multiply zeros, results leave
// through workgroup memory, and only the copies out of it ask what is inside. There is no early return.
// 64 x 64: 19 KiB of workgroup memory, so a multiprocessor with 228 KiB holds a dozen; every matrix of 16 x 16 that is read
// serves two products. With 128 rows the right operand serves four, at half the number of workgroups.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/matrix_outputs_moments.wgsl if moments else conv2d/matrix_outputs.wgsl
// include conv2d/in_one_part.wgsl
// include conv2d/forward_matrices.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const SCALARS: bool = false; // scalars
