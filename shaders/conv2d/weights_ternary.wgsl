// Weights that are 0 or + - one magnitude: their signs are exact in f16 and have no second part, and the magnitude multiplies the sums,
// rounded once. It is the largest |w| that the workgroup staged; where that is 0 all sums are. By bits, so that NaN, which is larger
// than every number, gets through.
var<private> most: u32;
var<workgroup> largest: atomic<u32>;

fn magnitudes(v: vec4<f32>) -> vec4<u32> {
  return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu);
}

fn note(block: mat4x4<f32>) {
  let m = max(max(magnitudes(block[0]), magnitudes(block[1])), max(magnitudes(block[2]), magnitudes(block[3])));
  most = max(most, max(max(m.x, m.y), max(m.z, m.w)));
}

// In this order: before the loop over the stages, behind it, and behind a barrier after that.
fn begin(lane: u32) {
  if lane == 0u {
    atomicStore(&largest, 0u);
  }
}

fn publish() {
  atomicMax(&largest, most);
}

fn magnitude() -> f32 {
  return bitcast<f32>(atomicLoad(&largest));
}
