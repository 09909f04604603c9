// HeSign: sqrt(2 / fan_in) sign(w) = p0 sign(w), sign(0) = +1 (McDonnell 2018, section 2): the same constant for ever.
// include project/context.wgsl
fn project_he_sign(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(vec4<f32>(-c.p0), vec4<f32>(c.p0), w >= vec4<f32>(0.0));
}
