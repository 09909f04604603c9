// The weights of a convolution in f32, in a texture (conv2d/stored_bits.wgsl has the same functions). The file around it includes the
// layout that they have there and says with BY_GROUP which it is.
struct Stored { channels: Layout }

fn weights_of(quad: u32) -> Stored {
  let all = params.groups * params.c_out / 4u;
  let part = select(all, params.c_out / 4u, BY_GROUP);
  return Stored(layout_of(params.kh * params.kw * params.c_in, all / part, part, quad / part, quad % part));
}

fn weights_row(s: Stored, row: u32) -> vec4<f32> {
  return textureLoad(w, texel_of(s.channels, row, true));
}

fn weights_block(s: Stored, row: u32) -> mat4x4<f32> {
  return mat4x4<f32>(weights_row(s, row), weights_row(s, row + 1u), weights_row(s, row + 2u), weights_row(s, row + 3u));
}
