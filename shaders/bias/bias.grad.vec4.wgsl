// As bias.grad.naive, four channels per invocation: c is a multiple of 4.
// Over naive: a quarter of the loads, each four wide, and four independent sums per invocation.
// Grid: ceil(blocks c / 256) workgroups, in rows.
// in pairs dy
// include entry/each.wgsl
// include common/blocks.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let b = block_of(i, params.rows, quads, params.block);
  if b.first >= params.rows {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    sum += dy[r * quads + b.channel];
  }
  sums[i] = sum;
}
