// include common/conv2d.wgsl
// What gradients are multiplied by before they are rounded to f16, whose normal numbers lie in 6e-5 .. 65504: the largest
// power of two up to n oh ow. The loss is a mean over the batch, so an image's share of a gradient is about 1 / n, and it
// spreads over oh ow pixels: entries of dy are around 1 / (n oh ow) times a number that depends on the layer (0.03 to 3 in
// the networks of Merolla et al. 2016), and come to lie in the middle of the range. Exact, as is dividing by it.
fn gradient_scale(c: Params) -> f32 {
  return f32(1u << firstLeadingBit(c.n * c.oh * c.ow));
}
