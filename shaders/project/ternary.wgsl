// Ternary: s clip(round(w / s), -1, 1), s the mean |w| of the layer; a half rounds to 0, to even as in PyTorch (BitNet
// b1.58, Ma et al. 2024, section 2).
// include project/sign.wgsl
fn project_ternary(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(project_sign(w, c), vec4<f32>(0.0), 2.0 * abs(w) <= c.alpha);
}
