// What the projection of four consecutive weights of a tensor depends on besides the weights.
// include common/philox.wgsl
// include common/uniform01.wgsl
struct Context {
  alpha: vec4<f32>,   // max |w| of the tensor, or the statistic that the projection asks for; of each weight's filter
  quantile: f32,      // the |w| of the rank that the projection asks for; 0 where it was not computed
  beta_u: f32,        // the step's draw for a ranged Power
  p0: f32, p1: f32, p2: f32, // parameters (src/projection/rows.rs: words)
  sign_u: vec4<f32>,  // draw 0, uniform: decides the sign
  size_u: vec4<f32>,  // draw 1, uniform: the magnitude
  drop_u: vec4<f32>,  // draw 2, uniform: decides the drop
  word: vec4<u32>,    // draw 3, for the normal number
}

const STREAM_PROJECTION: u32 = 2u; // src/philox.rs

// Makes the draws whose bits are set in `wanted`. counter: element / 4, layer and number of the first draw, step.
fn draw(c: ptr<function, Context>, wanted: u32, counter: vec4<u32>, key: vec2<u32>) {
  if (wanted & 1u) != 0u {
    (*c).sign_u = uniform01_vec4(philox4x32(counter, key));
  }
  if (wanted & 2u) != 0u {
    (*c).size_u = uniform01_vec4(philox4x32(counter + vec4<u32>(0u, 1u << 16u, 0u, 0u), key));
  }
  if (wanted & 4u) != 0u {
    (*c).drop_u = uniform01_vec4(philox4x32(counter + vec4<u32>(0u, 2u << 16u, 0u, 0u), key));
  }
  if (wanted & 8u) != 0u {
    (*c).word = philox4x32(counter + vec4<u32>(0u, 3u << 16u, 0u, 0u), key);
  }
}

// U(gamma, 1/gamma), one per element: p0 = gamma, p1 = 1/gamma - gamma.
fn magnitude(c: Context) -> vec4<f32> {
  return c.size_u * c.p1 + c.p0;
}

// True with probability (w / alpha + 1) / 2: u < (w / alpha + 1) / 2 without a division, so that every adapter decides
// alike (2u - 1 is exact, its product with alpha is rounded once).
fn positive(w: vec4<f32>, c: Context) -> vec4<bool> {
  return (2.0 * c.sign_u - 1.0) * c.alpha < w;
}
