// StochM as table 1 of Merolla 2016 prints it: w U(gamma, 1/gamma) with the sign kept with probability
// (w / alpha + 1) / 2, else turned. Degenerate: w and -w become the same distribution, the sign is lost. An ablation.
// include project/context.wgsl
fn project_stochm_literal(w: vec4<f32>, c: Context) -> vec4<f32> {
  let size = w * magnitude(c);
  return select(-size, size, positive(w, c));
}
