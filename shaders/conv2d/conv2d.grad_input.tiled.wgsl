// As naive, for c_in and c_out multiples of 4 and kernels up to 16 x 16, on GPUs: the structure of
// conv2d.forward.tiled, with a matrix of input pixels x (ky, kx, co), gathered from dy, and the transposed weights,
// (ky, kx, co) x c_in. Both are transposed in registers on their way to workgroup memory, so no second layout of the
// weights is needed.
// A stride s cuts the input pixels into classes by their position modulo s: only every s-th tap reaches a class, so a
// workgroup works on pixels of one class and goes through the taps of that class alone, without a product by zero.
// Grid: x = classes groups ceil(c_in / TILE_N), y and z = ceil(pixels of the largest class / TILE_M) in rows of at most 32,768.
// include common/conv2d.wgsl
// include conv2d/tile_outputs.wgsl
// include conv2d/grad_input_operands.wgsl
// include conv2d/tile_product.wgsl
@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2
const LEFT_BY_ROW: bool = true;
const RIGHT_BY_COLUMN: bool = true;

fn fetch_left(t: Tile, p: Pixels, k: u32) -> mat4x4<f32> {
  return transpose(fetch_dy(t.c, p, k));
}

fn fetch_right(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  return transpose(fetch_w(t, column, k));
}
