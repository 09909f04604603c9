// What the variants shifted and narrow_shifted have beside common/exchange.wgsl, for three taps in a row and whole lines of the image in a tile.
// The middle tap of a row is loaded; what the outer ones read are the same values one lane on, so that a turn takes all three
// (conv2d/three_taps_32x32.wgsl, conv2d/three_taps_64x16.wgsl). The file around it says which of them, BEFORE, reads the pixel before the middle one,
// and gives the terms of the middle taps alone.
// include common/exchange.wgsl

// What the pixels before those of block b of a tile read, x, which in the block before is `before`; zeros where a line begins.
fn one_before(x: vec4<f32>, before: vec4<f32>, b: u32, lane: u32) -> vec4<f32> {
  let edge = select(before, vec4<f32>(0.0), 8u * b % params.w == 0u);
  return subgroupShuffle(select(x, edge, lane == 7u), (lane + 7u) & 7u);
}

// What the pixels behind them read; zeros where a line ends.
fn one_behind(x: vec4<f32>, behind: vec4<f32>, b: u32, lane: u32) -> vec4<f32> {
  let edge = select(behind, vec4<f32>(0.0), (8u * b + 8u) % params.w == 0u);
  return subgroupShuffle(select(x, edge, lane == 0u), (lane + 1u) & 7u);
}
