// What the projection of four consecutive weights of a tensor depends on besides the weights.
// include common/philox.wgsl
// include common/uniform01.wgsl
struct Context {
  alpha: f32,         // max |w| of the tensor
  median: f32,        // of |w|: floor(len / 2) elements lie below it, ties aside; 0 where it was not computed
  beta_u: f32,        // the step's draw for a ranged Power
  p0: f32, p1: f32, p2: f32, // parameters (src/kernels/projections.rs: words)
  key: vec2<u32>,     // of the stream of projections
  counter: vec4<u32>, // element / 4, layer, step
}

// Random words of the four elements. Draw 0 decides the sign, 1 the magnitude, 2 the drop, 3 is the normal number.
fn draw(c: Context, number: u32) -> vec4<u32> {
  return philox4x32(vec4<u32>(c.counter.x, c.counter.y | (number << 16u), c.counter.z, c.counter.w), c.key);
}

// U(gamma, 1/gamma), one per element: p0 = gamma, p1 = 1/gamma - gamma.
fn magnitude(c: Context) -> vec4<f32> {
  return uniform01_vec4(draw(c, 1u)) * c.p1 + c.p0;
}

// True with probability (w / alpha + 1) / 2: u < (w / alpha + 1) / 2 without a division, so that every adapter decides
// alike (2u - 1 is exact, its product with alpha is rounded once).
fn positive(w: vec4<f32>, c: Context) -> vec4<bool> {
  let u = uniform01_vec4(draw(c, 0u));
  return (2.0 * u - 1.0) * c.alpha < w;
}
