// dgamma = sum over blocks of partial[b, 0], dbeta = sum of partial[b, 1], blocks in order.
// partial: [blocks, 2, c]; dgamma, dbeta: [c]. One invocation owns one channel. Grid: ceil(c / 64) workgroups.
// include entry/each.wgsl
struct Params { c: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbeta: array<f32>;

fn each(i: u32) {
  if i >= params.c {
    return;
  }
  var products = 0.0;
  var sum = 0.0;
  for (var b = 0u; b < params.blocks; b++) {
    products += partial[2u * b * params.c + i];
    sum += partial[(2u * b + 1u) * params.c + i];
  }
  dgamma[i] = products;
  dbeta[i] = sum;
}
