// As coop, near f32, with both operands in two parts: conv2d.forward.coop_split says how.
// Grid: as tiled.
enable f16;
enable wgpu_cooperative_matrix;
// include common/split.wgsl
// include common/conv2d.wgsl
// include common/gradient_scale.wgsl
// include conv2d/inputs_plain.wgsl
// include conv2d/grad_weight_coop_split.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64
