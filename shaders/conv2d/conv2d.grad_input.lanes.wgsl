// As naive, for c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan), operands in textures. Eight lanes
// own 32 input pixels x 32 input channels of a group, or as variant `narrow`, for few input channels, 64 x 16; as `shifted` and
// `narrow_shifted` a load is for three taps (conv2d/subgroup_32x32.wgsl, conv2d/subgroup_64x16.wgsl, conv2d/shifted.wgsl). As variant `by_group`, dy and w lie group by group in their textures.
// Grid: x = groups ceil(c_in / 32), y and z = ceil(pixels of the largest class / 32) for every class, in rows of at most 32,768; narrow alike.
// include common/texels.wgsl
// include common/layout_by_group.wgsl if BY_GROUP else common/layout_by_row.wgsl
// include common/conv2d.wgsl
// include conv2d/taps_in_turn.wgsl
// include conv2d/outputs_64x16.wgsl
// include conv2d/subgroup_64x16.wgsl if NARROW else conv2d/subgroup_32x32.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

const GATHERS: bool = false; // gathers
const NARROW: bool = false; // variant
const SHIFTED: bool = false; // variant
const BY_GROUP: bool = false; // variant
const BEFORE: u32 = 2u; // the tap that reaches the pixel before

struct Pixel { n: u32, y: u32, x: u32 }

// A stride cuts the pixels into classes by their position modulo the stride: only every stride-th tap reaches a class. Rows are
// the pixels of one class after the other, each filled up to whole tiles.
struct Class { y: u32, x: u32, first: u32 }

const TILE: u32 = select(32u, 64u, NARROW);

fn class_of(row: u32) -> Class {
  if params.stride_h * params.stride_w == 1u {
    return Class();
  }
  let pixels = params.n * ((params.h + params.stride_h - 1u) / params.stride_h) * ((params.w + params.stride_w - 1u) / params.stride_w);
  let rows = (pixels + TILE - 1u) / TILE * TILE;
  let i = row / rows;
  return Class(i / params.stride_w, i % params.stride_w, i * rows);
}

// The input pixel of a row; beyond the last of its class n is params.n or more.
fn pixel_of(row: u32) -> Pixel {
  let c = class_of(row);
  let h = (params.h + params.stride_h - 1u - c.y) / params.stride_h;
  let w = (params.w + params.stride_w - 1u - c.x) / params.stride_w;
  let p = row - c.first;
  return Pixel(select(params.n, p / (w * h), w * h > 0u), p / w % h * params.stride_h + c.y, p % w * params.stride_w + c.x);
}

// Padded coordinates; beyond the last pixel, some that no output reads.
fn row_of(row: u32) -> Pixel {
  let p = pixel_of(row);
  return Pixel(p.n, select(p.y + params.pad_h, 0x40000000u, p.n >= params.n), p.x + params.pad_w);
}

// The first tap that reaches a class.
fn start(tile: u32) -> Term {
  if SHIFTED {
    return Term(0u, 1u, 0u);
  }
  let c = class_of(tile);
  return Term((c.y + params.pad_h) % params.stride_h, (c.x + params.pad_w) % params.stride_w, 0u);
}

fn turns(tile: u32) -> u32 {
  if SHIFTED {
    return params.kh * (params.c_out / 4u);
  }
  let t = start(tile);
  let down = (params.kh + params.stride_h - 1u - min(t.ky, params.kh)) / params.stride_h;
  let across = (params.kw + params.stride_w - 1u - min(t.kx, params.kw)) / params.stride_w;
  return down * across * (params.c_out / 4u);
}

fn next(tile: u32, t: Term) -> Term {
  return after(t, params.c_out, start(tile).kx, vec2<u32>(select(params.stride_w, 3u, SHIFTED), params.stride_h));
}

// Four channels of the output gradient that a tap reaches from a pixel; zeros where there is none.
fn left_of(p: Pixel, group: u32, t: Term) -> vec4<f32> {
  // A whole number of strides: the tap is one of the pixel's class.
  let oy = (p.y - t.ky) / params.stride_h;
  let ox = (p.x - t.kx) / params.stride_w;
  let inside = oy < params.oh && ox < params.ow && p.y >= t.ky && p.x >= t.kx;
  let pixel = (p.n * params.oh + oy) * params.ow + ox;
  let channels = layout_of(params.n * params.oh * params.ow, params.groups, params.c_out / 4u, group, t.c / 4u);
  return select(vec4<f32>(0.0), textureLoad(dy, texel_of(channels, pixel, inside)), inside);
}

struct Column { group: u32, own: u32 }

fn column_of(group: u32, own: u32) -> Column {
  return Column(group, own);
}

// Input channels 4 own .. 4 own + 3 for each of these channels: in memory it is the transpose.
fn right_of(c: Column, t: Term) -> mat4x4<f32> {
  let channels = layout_of(params.kh * params.kw * params.c_in, params.groups, params.c_out / 4u, c.group, t.c / 4u);
  let row = (t.ky * params.kw + t.kx) * params.c_in + c.own * 4u;
  return transpose(mat4x4<f32>(textureLoad(w, texel_of(channels, row, true)), textureLoad(w, texel_of(channels, row + 1u, true)),
                               textureLoad(w, texel_of(channels, row + 2u, true)), textureLoad(w, texel_of(channels, row + 3u, true))));
}

fn columns() -> u32 {
  return params.c_in / 4u;
}

fn write(row: u32, group: u32, column: u32, value: vec4<f32>) {
  let p = pixel_of(row);
  if p.n < params.n && column < params.c_in / 4u {
    dx[(((p.n * params.h + p.y) * params.w + p.x) * params.groups + group) * (params.c_in / 4u) + column] = value;
  }
}
