// The weights of a convolution in f32, in a texture (conv2d/stored_bits.wgsl has the same functions).
struct Stored { quad: u32 }

fn weights_of(quad: u32) -> Stored {
  return Stored(quad);
}

fn weights_row(s: Stored, row: u32) -> vec4<f32> {
  return textureLoad(w, texel(row * (params.groups * params.c_out / 4u) + s.quad));
}

fn weights_block(s: Stored, row: u32) -> mat4x4<f32> {
  return mat4x4<f32>(weights_row(s, row), weights_row(s, row + 1u), weights_row(s, row + 2u), weights_row(s, row + 3u));
}
