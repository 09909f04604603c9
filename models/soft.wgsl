// A sign with a slope: alpha tanh(w / (T alpha)), T = p0 above 0. With a T that falls over training, soft.wgsl:1->0.05, weights
// that begin nearly free end as signs.
fn soft(w: vec4<f32>, c: Context) -> vec4<f32> {
  // A tensor of zeros has an alpha of 0; tanh of 10 is 1 in f32, and some devices overflow on more.
  let slope = c.p0 * max(c.alpha, vec4<f32>(1e-30));
  return c.alpha * tanh(clamp(w / slope, vec4<f32>(-10.0), vec4<f32>(10.0)));
}
