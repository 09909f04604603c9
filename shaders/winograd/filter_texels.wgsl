// The filters in f32, in a texture.
// The weights of a tap: column c of the matrix holds four channels of output column c.
fn block(ky: u32, kx: u32, k: u32, column: u32) -> mat4x4<f32> {
  if params.flip != 0u {
    let first = ((2u - ky) * 3u + 2u - kx) * params.c_out + column % params.c_out;
    let at = (first * params.groups + column / params.c_out) * params.c_in + k;
    let row = params.groups * (params.c_in / 4u);
    return mat4x4<f32>(textureLoad(w, texel(at / 4u)), textureLoad(w, texel(at / 4u + row)),
                       textureLoad(w, texel(at / 4u + 2u * row)), textureLoad(w, texel(at / 4u + 3u * row)));
  }
  let at = ((ky * 3u + kx) * params.c_in + k) * params.groups * params.c_out + column;
  let row = params.groups * (params.c_out / 4u);
  return transpose(mat4x4<f32>(textureLoad(w, texel(at / 4u)), textureLoad(w, texel(at / 4u + row)),
                               textureLoad(w, texel(at / 4u + 2u * row)), textureLoad(w, texel(at / 4u + 3u * row))));
}
