@group(0) @binding(4) var<storage, read> index: array<u32>;

// Sample n of the batch is the image that `index` names.
fn image(n: u32) -> u32 {
  return index[n];
}
