// As batchnorm.grad_partial.naive, four channels per invocation: c is a multiple of 4.
// Over naive: a quarter of the loads, each four wide, and four independent sums per invocation.
// Grid: ceil(blocks c / 256) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32, eps: f32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let b = block_of(i, params.rows, quads, params.block);
  if b.first >= params.rows {
    return;
  }
  let middle = mean[b.channel];
  var products = vec4<f32>(0.0);
  var sum = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    let g = dy[r * quads + b.channel];
    products = fma(g, vec4<f32>(x[r * quads + b.channel]) - middle, products);
    sum += g;
  }
  partial[2u * b.number * quads + b.channel] = products * inverseSqrt(variance[b.channel] + params.eps);
  partial[(2u * b.number + 1u) * quads + b.channel] = sum;
}
