// AddNorm: w + N(0, (sigma alpha)^2), p0 = sigma (Merolla 2016, table 1).
// include project/context.wgsl
// include common/normal.wgsl
fn project_addnorm(w: vec4<f32>, c: Context) -> vec4<f32> {
  return w + normal(c.word) * (c.p0 * c.alpha);
}
