// StochM3: StochM, and a weight of the middle half becomes 0 with probability 1/2 (Merolla 2016, table 1). The middle
// half is |w| < alpha / 2, the zero bin of Round; with p2 = 1 it is |w| below the median of |w|.
// include project/stochm.wgsl
fn project_stochm3(w: vec4<f32>, c: Context) -> vec4<f32> {
  let middle = abs(w) < select(0.5 * c.alpha, vec4<f32>(c.quantile), c.p2 == 1.0);
  let dropped = c.drop_u < vec4<f32>(0.5);
  return select(project_stochm(w, c), vec4<f32>(0.0), middle & dropped);
}
