// Stoch: +alpha with probability (w / alpha + 1) / 2, else -alpha (Merolla 2016, table 1). The mean is w.
// include project/context.wgsl
fn project_stoch(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(-c.alpha, c.alpha, positive(w, c));
}
