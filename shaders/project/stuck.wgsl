// Stuck: 0 with probability p0, +alpha or -alpha, one as often as the other, with probability p1 - p0: devices that hold
// their least or their largest value whatever is written.
// include project/context.wgsl
fn project_stuck(w: vec4<f32>, c: Context) -> vec4<f32> {
  let full = select(-c.alpha, c.alpha, c.sign_u < vec4<f32>(0.5));
  return select(select(w, full, c.drop_u < vec4<f32>(c.p1)), vec4<f32>(0.0), c.drop_u < vec4<f32>(c.p0));
}
