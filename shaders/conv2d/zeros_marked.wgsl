// Weights as bits of which some are 0: those whose bit is 1 in words that are cut as those of the signs (conv2d/stored_bits.wgsl).
@group(0) @binding(8) var<storage, read> zeros: array<u32>;

fn zeros_of(word: u32) -> u32 {
  return zeros[word];
}
