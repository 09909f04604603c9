// What the variants lanes, narrow, shifted and narrow_shifted of conv2d.forward multiply: four channels of the input that a tap of a pixel reads with
// their weights, in the order of conv2d/taps_in_turn.wgsl; where SHIFTED, the middle tap of three.
// include conv2d/taps_in_turn.wgsl
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
