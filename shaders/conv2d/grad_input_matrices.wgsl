// What conv2d.grad_input.coop and conv2d/grad_input_coop_split.wgsl share: how the operands lie in workgroup memory, and what they fetch.
// include conv2d/matrix_tile.wgsl
// include conv2d/classes.wgsl

// Words of four in a row of workgroup memory: left [row][k], right [column][k].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = STAGE / 4u + 2u;
var<workgroup> left: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> right: array<vec4<f16>, TILE_N * RIGHT>;
