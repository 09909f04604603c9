// Quant: the nearest of 2^B - 1 levels k alpha / L, k = -L .. L, L = 2^(B - 1) - 1, halves away from zero; B = 1 is Sign.
// p0 = 2 L, p1 = 1 / L. The quotient only guesses k: k is right where (2k - 1) alpha <= 2 L |w| < (2k + 1) alpha, products
// that are rounded once, so every adapter decides alike.
// include project/sign.wgsl
fn project_quant(w: vec4<f32>, c: Context) -> vec4<f32> {
  if c.p0 == 0.0 {
    return project_sign(w, c);
  }
  let size = c.p0 * abs(w);
  let guess = floor(min(size / (2.0 * c.alpha) + 0.5, vec4<f32>(0.5 * c.p0)));
  let less = guess - select(vec4<f32>(0.0), vec4<f32>(1.0), (2.0 * guess - 1.0) * c.alpha > size);
  let k = less + select(vec4<f32>(0.0), vec4<f32>(1.0), (2.0 * less + 1.0) * c.alpha <= size);
  // The outermost level is alpha itself, beyond which nothing is: a link before may have left more than alpha.
  let level = select(k * c.p1 * c.alpha, c.alpha, 2.0 * k >= vec4<f32>(c.p0));
  // Of an alpha of 0 the quotient is no number.
  return select(select(level, -level, w < vec4<f32>(0.0)), vec4<f32>(0.0), c.alpha == vec4<f32>(0.0));
}
