// As naive, for what conv2d.forward.first can run and built like it, with the same bits in y: a workgroup takes the moments of
// its rows from its registers, so that y is not read from memory for them.
// Grid: as conv2d.forward.first.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include common/taps.wgsl
// include conv2d/leave_tile_statistics.wgsl
// include conv2d/forward_first.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
