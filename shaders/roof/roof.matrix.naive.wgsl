// c[(i 4 + j) and so on] = rounds A_i B_j, all `size` x `size`, row by row; the eight results of two A and four B repeat
// `len / (8 size^2)` times, each computed anew. One invocation per element of c, products added in the order of the columns of A.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32, rounds: u32, size: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

fn each(i: u32) {
  if i >= params.len {
    return;
  }
  let size = params.size;
  let column = i % size;
  let row = i / size % size;
  let pair = i / (size * size) % 8u;
  let left = (pair / 4u * size + row) * size;
  let right = pair % 4u * size * size + column;
  var sum = 0.0;
  for (var r = 0u; r < params.rounds; r++) {
    for (var k = 0u; k < size; k++) {
      sum = fma(a[left + k], b[right + k * size], sum);
    }
  }
  c[i] = sum;
}
