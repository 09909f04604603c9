// The results of conv2d/subgroup_64x16.wgsl go to memory, and their moments to `moments`, as batchnorm.partial leaves them: mean and sum of
// (y - mean)^2 per channel, the latter corrected by how much the rounded mean is off (Chan, Golub, LeVeque 1983). A tile is a block of 64 rows: from the
// registers, so that nobody reads y again for its moments. Lanes l and l + 4 share four columns.
// include common/exchange.wgsl
@group(0) @binding(5) var<storage, read_write> moments: array<vec4<f32>>; // [ceil(pixels / 64), 2, groups, c_out]

// As in conv2d/outputs_64x16.wgsl; what lies in y then takes the place of each result.
fn write_pair(row: u32, group: u32, column: u32, lane: u32, acc: ptr<function, Rows>) {
  (*acc)[0] = write(row + (lane ^ 0u), group, column, (*acc)[0]);
  (*acc)[1] = write(row + (lane ^ 1u), group, column, (*acc)[1]);
  (*acc)[2] = write(row + (lane ^ 2u), group, column, (*acc)[2]);
  (*acc)[3] = write(row + (lane ^ 3u), group, column, (*acc)[3]);
  (*acc)[4] = write(row + 8u + (lane ^ 0u), group, column, (*acc)[4]);
  (*acc)[5] = write(row + 8u + (lane ^ 1u), group, column, (*acc)[5]);
  (*acc)[6] = write(row + 8u + (lane ^ 2u), group, column, (*acc)[6]);
  (*acc)[7] = write(row + 8u + (lane ^ 3u), group, column, (*acc)[7]);
}

fn sum_of(acc: ptr<function, Rows>) -> vec4<f32> {
  return (*acc)[0] + (*acc)[1] + (*acc)[2] + (*acc)[3] + (*acc)[4] + (*acc)[5] + (*acc)[6] + (*acc)[7];
}

// Sums of the distances from the mean, and of their squares.
struct Distances { off: vec4<f32>, squares: vec4<f32> }

// With one row more, if there is such a row.
fn add_row(d: Distances, v: vec4<f32>, row: u32, mean: vec4<f32>) -> Distances {
  let far = select(vec4<f32>(0.0), v - mean, row < params.n * params.oh * params.ow);
  return Distances(d.off + far, fma(far, far, d.squares));
}

fn add_pair(d: Distances, acc: ptr<function, Rows>, row: u32, lane: u32, mean: vec4<f32>) -> Distances {
  var sums = d;
  sums = add_row(sums, (*acc)[0], row + (lane ^ 0u), mean);
  sums = add_row(sums, (*acc)[1], row + (lane ^ 1u), mean);
  sums = add_row(sums, (*acc)[2], row + (lane ^ 2u), mean);
  sums = add_row(sums, (*acc)[3], row + (lane ^ 3u), mean);
  sums = add_row(sums, (*acc)[4], row + 8u + (lane ^ 0u), mean);
  sums = add_row(sums, (*acc)[5], row + 8u + (lane ^ 1u), mean);
  sums = add_row(sums, (*acc)[6], row + 8u + (lane ^ 2u), mean);
  sums = add_row(sums, (*acc)[7], row + 8u + (lane ^ 3u), mean);
  return sums;
}

fn finish(tile: u32, group: u32, column: u32, lane: u32, acc0: ptr<function, Rows>, acc1: ptr<function, Rows>,
          acc2: ptr<function, Rows>, acc3: ptr<function, Rows>) {
  write_pair(tile, group, column, lane, acc0);
  write_pair(tile + 16u, group, column, lane, acc1);
  write_pair(tile + 32u, group, column, lane, acc2);
  write_pair(tile + 48u, group, column, lane, acc3);
  let pixels = params.n * params.oh * params.ow;
  let rows = f32(min(pixels - min(tile, pixels), 64u));
  // Rows that are not there are zeros.
  let own = sum_of(acc0) + sum_of(acc1) + sum_of(acc2) + sum_of(acc3);
  let mean = (own + subgroupShuffle(own, lane ^ 4u)) / max(rows, 1.0);
  var d = add_pair(Distances(), acc0, tile, lane, mean);
  d = add_pair(d, acc1, tile + 16u, lane, mean);
  d = add_pair(d, acc2, tile + 32u, lane, mean);
  d = add_pair(d, acc3, tile + 48u, lane, mean);
  let off = d.off + subgroupShuffle(d.off, lane ^ 4u);
  let squares = d.squares + subgroupShuffle(d.squares, lane ^ 4u);
  let columns = params.c_out / 4u;
  if lane < 4u && column < columns && tile < pixels {
    let to = (tile / 64u * 2u * params.groups + group) * columns + column;
    moments[to] = mean + off / rows;
    moments[to + params.groups * columns] = max(squares - off * off / rows, vec4<f32>(0.0));
  }
}
