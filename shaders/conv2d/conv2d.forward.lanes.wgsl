// As naive, for c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan), operands in textures, whose
// loads are vector gathers (weights that are bits in a buffer: a word is as good as a texel of 16 times four). Eight lanes own 32 output pixels x 32 output channels of a group, or as variant `narrow`, for few output channels,
// 64 x 16; as `shifted` and `narrow_shifted` a load is for three taps (conv2d/subgroup_32x32.wgsl, conv2d/subgroup_64x16.wgsl, conv2d/shifted.wgsl).
// Grid: x = groups ceil(c_out / 32), y and z = ceil(pixels / 32) in rows of at most 32,768; narrow alike.
// include conv2d/output_rows.wgsl
// include conv2d/taps_in_turn.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_texels.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
// include conv2d/subgroup_64x16.wgsl if NARROW else conv2d/subgroup_32x32.wgsl
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>; // unless bits
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

const GATHERS: bool = false; // gathers
const NARROW: bool = false; // variant
const SHIFTED: bool = false; // variant
const BEFORE: u32 = 0u; // the tap that reads the pixel before

fn start(tile: u32) -> Term {
  return Term(0u, select(0u, 1u, SHIFTED), 0u);
}

fn turns(tile: u32) -> u32 {
  return params.kh * select(params.kw, 1u, SHIFTED) * (params.c_in / 4u);
}

fn next(tile: u32, t: Term) -> Term {
  return after(t, params.c_in, select(0u, 1u, SHIFTED), vec2<u32>(select(1u, 3u, SHIFTED), 1u));
}

// Four channels of the input that a tap of a pixel reads; zeros outside the image.
fn left_of(p: Pixel, group: u32, t: Term) -> vec4<f32> {
  let inside = p.y + t.ky < params.h && p.x + t.kx < params.w;
  let pixel = (p.n * params.h + p.y + t.ky) * params.w + p.x + t.kx;
  let at = (pixel * params.groups + group) * params.c_in + t.c;
  return select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at / 4u, inside))), inside);
}

fn right_of(own: Stored, t: Term) -> mat4x4<f32> {
  return weights_block(own, (t.ky * params.kw + t.kx) * params.c_in + t.c);
}
