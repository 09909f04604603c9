// StochM: |w| U(gamma, 1/gamma), + with probability (w / alpha + 1) / 2 (Merolla 2016, section 4.1.4).
// include project/context.wgsl
fn project_stochm(w: vec4<f32>, c: Context) -> vec4<f32> {
  let size = abs(w) * magnitude(c);
  return select(-size, size, positive(w, c));
}
