// As naive, for c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan), operands in textures. Eight lanes
// own 32 input pixels x 32 input channels of a group, or as variant `narrow`, for few input channels, 64 x 16 (conv2d/subgroup_32x32.wgsl,
// conv2d/subgroup_64x16.wgsl).
// Grid: x = groups ceil(c_in / 32), y and z = ceil(pixels / 32) in rows of at most 32,768; narrow alike.
// include common/texels.wgsl
// include common/conv2d.wgsl
// include conv2d/taps_in_turn.wgsl
// include conv2d/subgroup_64x16.wgsl if NARROW else conv2d/subgroup_32x32.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

const NARROW: bool = false; // variant

struct Pixel { n: u32, y: u32, x: u32 }

// Padded coordinates of input pixel p; beyond the last pixel, some that no output reads.
fn row_of(p: u32) -> Pixel {
  let n = p / (params.w * params.h);
  let row = p / params.w % params.h + params.pad_h;
  return Pixel(n, select(row, 0x40000000u, n >= params.n), p % params.w + params.pad_w);
}

fn turns() -> u32 {
  return params.kh * params.kw * (params.c_out / 4u);
}

fn next(t: Term) -> Term {
  return after(t, params.c_out);
}

// Four channels of the output gradient that a tap reaches from a pixel; zeros where there is none.
fn left_of(p: Pixel, group: u32, t: Term) -> vec4<f32> {
  let oy = (p.y - t.ky) / params.stride_h;
  let ox = (p.x - t.kx) / params.stride_w;
  let inside = oy < params.oh && ox < params.ow && oy * params.stride_h == p.y - t.ky && ox * params.stride_w == p.x - t.kx;
  let at = (((p.n * params.oh + oy) * params.ow + ox) * params.groups + group) * params.c_out + t.c;
  return select(vec4<f32>(0.0), textureLoad(dy, texel(select(0u, at / 4u, inside))), inside);
}

struct Column { group: u32, own: u32 }

fn column_of(group: u32, own: u32) -> Column {
  return Column(group, own);
}

// Input channels 4 own .. 4 own + 3 for each of these channels: in memory it is the transpose.
fn right_of(c: Column, t: Term) -> mat4x4<f32> {
  let depth = params.groups * (params.c_out / 4u);
  let at = ((t.ky * params.kw + t.kx) * params.c_in + c.own * 4u) * depth + c.group * (params.c_out / 4u) + t.c / 4u;
  return transpose(mat4x4<f32>(textureLoad(w, texel(at)), textureLoad(w, texel(at + depth)),
                               textureLoad(w, texel(at + 2u * depth)), textureLoad(w, texel(at + 3u * depth))));
}

fn columns() -> u32 {
  return params.c_in / 4u;
}

fn write(pixel: u32, group: u32, column: u32, value: vec4<f32>) {
  if pixel < params.n * params.h * params.w && column < params.c_in / 4u {
    dx[(pixel * params.groups + group) * (params.c_in / 4u) + column] = value;
  }
}
