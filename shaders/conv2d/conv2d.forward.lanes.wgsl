// As naive, for c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan), operands in textures, whose
// loads are vector gathers. Eight lanes own 32 output pixels x 32 output channels of a group, or as variant `narrow`, for few output channels,
// 64 x 16 (conv2d/subgroup_32x32.wgsl, conv2d/subgroup_64x16.wgsl).
// Grid: x = groups ceil(c_out / 32), y and z = ceil(pixels / 32) in rows of at most 32,768; narrow alike.
// include conv2d/output_rows.wgsl
// include conv2d/taps_in_turn.wgsl
// include conv2d/subgroup_64x16.wgsl if NARROW else conv2d/subgroup_32x32.wgsl
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

const NARROW: bool = false; // variant

fn turns() -> u32 {
  return params.kh * params.kw * (params.c_in / 4u);
}

fn next(t: Term) -> Term {
  return after(t, params.c_in);
}

// Four channels of the input that a tap of a pixel reads; zeros outside the image.
fn left_of(p: Pixel, group: u32, t: Term) -> vec4<f32> {
  let inside = p.y + t.ky < params.h && p.x + t.kx < params.w;
  let pixel = (p.n * params.h + p.y + t.ky) * params.w + p.x + t.kx;
  let at = (pixel * params.groups + group) * params.c_in + t.c;
  return select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at / 4u, inside))), inside);
}

// Output channels 4 own .. 4 own + 3 for each of these channels.
fn right_of(group: u32, t: Term, own: u32) -> mat4x4<f32> {
  let column = group * (params.c_out / 4u) + own;
  return mat4x4<f32>(weight(t, t.c, column), weight(t, t.c + 1u, column), weight(t, t.c + 2u, column), weight(t, t.c + 3u, column));
}

fn weight(t: Term, c: u32, column: u32) -> vec4<f32> {
  return textureLoad(w, texel(((t.ky * params.kw + t.kx) * params.c_in + c) * params.groups * (params.c_out / 4u) + column));
}
