// Prune: 0 where |w| is below the quantile of the layer, so for a fraction of the smallest magnitudes, ties aside.
// include project/context.wgsl
fn project_prune(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(w, vec4<f32>(0.0), abs(w) < vec4<f32>(c.quantile));
}
