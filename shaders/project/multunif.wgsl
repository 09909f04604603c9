// MultUnif: w U(gamma, 1/gamma) (Merolla 2016, table 1).
// include project/context.wgsl
fn project_multunif(w: vec4<f32>, c: Context) -> vec4<f32> {
  return w * magnitude(c);
}
