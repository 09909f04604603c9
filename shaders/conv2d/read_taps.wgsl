// What the forward pass multiplies, from the textures x and w, for a number of input channels that is a multiple of 4: four
// channels of one tap at a time.
// include common/texels.wgsl
// include common/origin.wgsl

// Channels c .. c + 3 of the input that tap (ky, kx) of a pixel reads; zeros outside the image.
fn load(p: Pixel, ky: u32, kx: u32, c: u32) -> vec4<f32> {
  let inside = p.y + ky < params.h && p.x + kx < params.w;
  let at = ((p.n * params.h + p.y + ky) * params.w + p.x + kx) * params.c_in + c;
  return select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at / 4u, inside))), inside);
}

// Output channels 4 own .. 4 own + 3 of channel c of that tap.
fn weight(ky: u32, kx: u32, c: u32, own: u32) -> vec4<f32> {
  return textureLoad(w, texel(((ky * params.kw + kx) * params.c_in + c) * (params.c_out / 4u) + own));
}
