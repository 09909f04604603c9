// Round: alpha round(w / alpha), so 0 where |w| < alpha / 2, else +-alpha (Merolla 2016, table 1).
// include project/sign.wgsl
fn project_round(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(project_sign(w, c), vec4<f32>(0.0), 2.0 * abs(w) < c.alpha);
}
