// Where a pixel of an augmented image comes from: through every augmentation of the preset, from the last to the first.
// Augmentation k takes its draws from philox(counter (image of the batch, k, step_lo, step_hi), key (seed, stream AUGMENT)),
// by integers alone, so that every adapter makes the same images. One that the preset leaves out has the parameter 0.
// include common/philox.wgsl
// include common/step.wgsl
// include augment/flip.wgsl
// include augment/crop.wgsl
// include augment/cutout.wgsl
const AUGMENT: u32 = 5u; // src/philox.rs: stream

struct Pixel { row: u32, column: u32, filled: bool }

fn draws(image: u32, number: u32) -> vec4<u32> {
  let counter = vec4<u32>(image, number, step.step_lo, step.step_hi);
  return philox4x32(counter, stream_key(step.seed_lo, step.seed_hi, AUGMENT));
}

// A whole number below n by a multiply and a shift: none more likely than another by more than 2^-32.
fn below(word: u32, n: u32) -> u32 {
  return mul_hi_lo(word, n).x;
}

fn source(image: u32, at: u32) -> Pixel {
  var p = Pixel(at / params.w, at % params.w, false);
  if params.cutout > 0u { p = cutout(p, draws(image, 2u)); }
  if params.crop > 0u { p = crop(p, draws(image, 1u)); }
  if params.flip > 0u { p = flip(p, draws(image, 0u)); }
  return p;
}
