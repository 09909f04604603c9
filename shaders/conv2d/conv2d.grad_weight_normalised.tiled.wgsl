// As naive, for what conv2d.grad_weight.tiled can run and built like it: x is normalised on its way to workgroup memory, by
// constants that an invocation needs for four channels alone. Grid: as conv2d.grad_weight.tiled.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include conv2d/inputs_normalised.wgsl
// include conv2d/grad_weight_tiled.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
