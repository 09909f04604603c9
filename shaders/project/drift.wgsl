// Drift: w t^-nu with nu ~ N(p0, (p0 / 4)^2), not below 0; p1 = log2 t. The conductance of phase-change memory after the
// time t, in units of the time at which it was written and read first (Joshi et al. 2020).
// include project/context.wgsl
// include common/normal.wgsl
fn project_drift(w: vec4<f32>, c: Context) -> vec4<f32> {
  let nu = max(normal(c.word) * (0.25 * c.p0) + c.p0, vec4<f32>(0.0));
  return w * exp2(-nu * c.p1);
}
