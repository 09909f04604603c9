// As norm_relu/onto_skip.wgsl, the gradient of the shortcut in a texture, which the file that is composed binds.
fn onto(k: u32, v: Value) -> Value {
  return textureLoad(skip, texel(k)) + v;
}
