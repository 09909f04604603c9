// What conv2d/forward_coop.wgsl and conv2d/forward_coop_split.wgsl share: how the operands lie in workgroup memory, and what they fetch.
// include conv2d/matrix_tile.wgsl
// include conv2d/windows.wgsl

// Words of four in a row of workgroup memory: left [row][k], right [k][column].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = TILE_N / 4u + 2u;
var<workgroup> left: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> right: array<vec4<f16>, STAGE * RIGHT>;
