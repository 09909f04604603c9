// As tiled, for any number of input channels (the first layer): pixels are gathered a word at a time, four of them for one
// (ky, kx, ci), which is already the column that workgroup memory wants. The weights pass through workgroup memory once
// per stage, two stages in all for 3 x 3 x 3.
// Grid: as tiled.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include common/taps.wgsl
// include conv2d/leave_tile.wgsl
// include conv2d/forward_first.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
