@group(0) @binding(5) var<storage, read> mean: array<f32>;

// Value f of an image of three channels, less the mean of its channel.
fn centred(value: f32, f: u32) -> f32 {
  return value - mean[f % 3u];
}
