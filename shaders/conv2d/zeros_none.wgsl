// Weights as bits of which none is 0 (conv2d/stored_bits.wgsl).
fn zeros_of(word: u32) -> u32 {
  return 0u;
}
