// What the gradient of the weights takes at a time on software Vulkan: four output pixels, one after the other. The file around it gives
// `input`, what four rows of the weights read for a pixel, and has dy in a texture.
// include common/walk.wgsl
struct Four { a: Pixel, b: Pixel, c: Pixel, d: Pixel }

fn four_pixels(first: Pixel) -> Four {
  let b = next(params, first);
  let c = next(params, b);
  return Four(first, b, c, next(params, c));
}

// What four rows of the weights read: a column for each of them.
fn four_rows(r: FourRows, p: Four) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(input(r, p.a), input(r, p.b), input(r, p.c), input(r, p.d)));
}

// Four channels of the gradient of pixels p .. p + 3, a column for each of them; zeros from `end` on.
fn four_columns(channels: Layout, p: u32, end: u32) -> mat4x4<f32> {
  return mat4x4<f32>(gradient(channels, p, end), gradient(channels, p + 1u, end), gradient(channels, p + 2u, end),
                     gradient(channels, p + 3u, end));
}

fn gradient(channels: Layout, p: u32, end: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), textureLoad(dy, texel_of(channels, p, p < end)), p < end);
}
