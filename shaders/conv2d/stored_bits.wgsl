// The weights of a convolution as bits. A word of `bits`, [ceil(kh kw c_in / 8), ceil(groups c_out / 4)], holds the signs of 8 rows (ky, kx, ci)
// x 4 output channels: bit 4 (row % 8) + channel % 4 is 1 for -. `scale` has the magnitude of each channel's weights, so that the sign is put in
// its place without a product, and results are those of f32 weights, bit for bit. conv2d/zeros_*.wgsl say which weights are 0.
@group(0) @binding(6) var<storage, read> bits: array<u32>;
@group(0) @binding(7) var<storage, read> scale: array<vec4<f32>>;

// What four neighbouring output channels are known by: which four of all groups' they are, and the bits of their magnitudes.
struct Stored { quad: u32, magnitude: vec4<u32> }

fn weights_of(quad: u32) -> Stored {
  return Stored(quad, bitcast<vec4<u32>>(scale[quad]));
}

fn word_of(s: Stored, row: u32) -> u32 {
  return row / 8u * ((params.groups * params.c_out + 3u) / 4u) + s.quad;
}

// The weights of a row, which the lowest bits are of.
fn signed(s: Stored, negative: u32, zero: u32) -> vec4<f32> {
  let channel = vec4<u32>(0u, 1u, 2u, 3u);
  let sign = (vec4<u32>(negative) >> channel) << vec4<u32>(31u);
  let keep = ((vec4<u32>(zero) >> channel) & vec4<u32>(1u)) - vec4<u32>(1u);
  return bitcast<vec4<f32>>((s.magnitude | sign) & keep);
}

fn weights_row(s: Stored, row: u32) -> vec4<f32> {
  let at = word_of(s, row);
  let first = row % 8u * 4u;
  return signed(s, bits[at] >> first, zeros_of(at) >> first);
}

// Four rows, the first a multiple of 4; a column holds one of them.
fn weights_block(s: Stored, row: u32) -> mat4x4<f32> {
  let at = word_of(s, row);
  let first = row % 8u * 4u;
  let n = bits[at] >> first;
  let z = zeros_of(at) >> first;
  return mat4x4<f32>(signed(s, n, z), signed(s, n >> 4u, z >> 4u), signed(s, n >> 8u, z >> 8u), signed(s, n >> 12u, z >> 12u));
}

// One weight of a channel, which is counted in all groups.
fn weight(channel: u32, row: u32) -> f32 {
  return weights_row(weights_of(channel / 4u), row)[channel % 4u];
}
