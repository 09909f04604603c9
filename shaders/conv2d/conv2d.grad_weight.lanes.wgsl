// As naive, for c_in and c_out multiples of 4, on software Vulkan: eight lanes of a subgroup own 32 rows (of the kh kw c_in
// rows of the weights) x 32 output channels of one group and split. Per output pixel a lane loads four channels of one tap and four
// gradients, both in texels, so that a load is a vector gather; four pixels at a time.
// As variant `narrow`, for few output channels, 64 rows x 16 channels. As variant `by_group`, x and dy lie group by group in their textures.
// Grid: x = ceil(kh kw c_in / 32), y = groups ceil(c_out / 32), z = splits; narrow alike.
// include common/conv2d.wgsl
// include common/layout_by_group.wgsl if BY_GROUP else common/layout_by_row.wgsl
// include conv2d/rotated_product_64x16.wgsl if NARROW else conv2d/rotated_product.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

const GATHERS: bool = false; // gathers
const NARROW: bool = false; // variant
const BY_GROUP: bool = false; // variant

// Four rows of the weights: their tap, how many pixels that is from the first input of an output pixel, and where their channels lie.
struct FourRows { ky: u32, kx: u32, pixels: u32, channels: Layout }

// Rows 4 i .. 4 i + 3; beyond the last, some that read nothing.
fn weight_rows(group: u32, i: u32) -> FourRows {
  let depth = params.c_in / 4u;
  let tap = i / depth;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  return FourRows(select(ky, 0x40000000u, tap >= params.kh * params.kw), kx,
              ky * params.w + kx, layout_of(params.n * params.h * params.w, params.groups, depth, group, i % depth));
}

fn input(r: FourRows, p: Pixel) -> vec4<f32> {
  let inside = p.n < params.n && p.y + r.ky < params.h && p.x + r.kx < params.w;
  let pixel = (p.n * params.h + p.y) * params.w + p.x + r.pixels;
  return select(vec4<f32>(0.0), textureLoad(x, texel_of(r.channels, pixel, inside)), inside);
}

// Rows 4 i .. 4 i + 3, if they are real.
fn write_four(split: u32, i: u32, column: u32, v: mat4x4<f32>) {
  let rows = params.kh * params.kw * params.c_in;
  let quads = params.groups * (params.c_out / 4u);
  let to = (split * rows + 4u * i) * quads + column;
  if 4u * i < rows {
    dw[to] = v[0];
    dw[to + quads] = v[1];
    dw[to + 2u * quads] = v[2];
    dw[to + 3u * quads] = v[3];
  }
}
