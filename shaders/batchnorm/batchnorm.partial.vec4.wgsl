// As batchnorm.partial.naive, four channels per invocation: c is a multiple of 4.
// Over naive: a quarter of the loads, each four wide, and four independent sums per invocation.
// Grid: ceil(blocks c / 256) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let b = block_of(i, params.rows, quads, params.block);
  if b.first >= params.rows {
    return;
  }
  let n = f32(b.last - b.first);
  var sum = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    sum += vec4<f32>(x[r * quads + b.channel]);
  }
  let mean = sum / n;
  var off = vec4<f32>(0.0);
  var squares = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    let d = vec4<f32>(x[r * quads + b.channel]) - mean;
    off += d;
    squares = fma(d, d, squares);
  }
  partial[2u * b.number * quads + b.channel] = mean + off / n;
  partial[(2u * b.number + 1u) * quads + b.channel] = max(squares - off * off / n, vec4<f32>(0.0));
}
