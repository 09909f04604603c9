// include common/conv2d.wgsl
// How many (ky, kx, ci) each of `splits` partial sums of an output takes, a multiple of 16; the last may have fewer, or none.
fn split_run(c: Params) -> u32 {
  return (c.kh * c.kw * c.c_in + 16u * c.splits - 1u) / (16u * c.splits) * 16u;
}
