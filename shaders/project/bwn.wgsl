// BWN: the mean |w| of the filter times sign(w), sign(0) = +1 (Rastegari et al. 2016, section 3.1).
// include project/sign.wgsl
fn project_bwn(w: vec4<f32>, c: Context) -> vec4<f32> {
  return project_sign(w, c);
}
