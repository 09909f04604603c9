// Sign: alpha sign(w), sign(0) = +1 (Merolla 2016, table 1).
// include project/context.wgsl
fn project_sign(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(-c.alpha, c.alpha, w >= vec4<f32>(0.0));
}
