// Power: alpha |w / alpha|^beta sign(w) (Merolla 2016, table 1), beta = p0 + p1 u with the step's u.
// Beta 0 is Sign and beta 1 None, to the bit; elsewhere 0 stays 0.
// include project/sign.wgsl
fn project_power(w: vec4<f32>, c: Context) -> vec4<f32> {
  let beta = c.beta_u * c.p1 + c.p0;
  if beta == 1.0 {
    return w;
  }
  if beta == 0.0 || all(c.alpha == vec4<f32>(0.0)) {
    return project_sign(w, c);
  }
  // The least normal number instead of 0, whose logarithm is infinite.
  let ratio = max(abs(w) / c.alpha, vec4<f32>(1.17549435e-38));
  let size = c.alpha * exp2(beta * log2(ratio));
  return select(select(size, -size, w < vec4<f32>(0.0)), vec4<f32>(0.0), w == vec4<f32>(0.0));
}
