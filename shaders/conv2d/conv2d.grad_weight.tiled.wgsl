// As naive, for c_in and c_out multiples of 4, on GPUs: the structure of conv2d.forward.tiled for the product
// of a matrix (ky, kx, ci) x pixels, gathered from x, with dy, pixels x c_out; a workgroup goes through the pixels of one
// split, for one group, in stages of 16. Channels of a pixel lie together in both operands as the stages want them: nothing is transposed.
// Grid: x = groups ceil(c_out / TILE_N), y = ceil(kh kw c_in / TILE_M), z = splits.
// include common/conv2d.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/grad_weight_operands.wgsl
// include conv2d/tile_outputs.wgsl
// include conv2d/tile_product.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
const LEFT_BY_ROW: bool = false;
const RIGHT_BY_COLUMN: bool = false;

fn fetch_left(t: Tile, r: Rows, k: u32) -> mat4x4<f32> {
  return widened(fetch_x(t, r, k));
}

fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  return fetch_dy(t, column, k);
}
