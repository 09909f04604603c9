// The outputs of a workgroup of the cooperative family are in y; the moments of each block of 64 rows of them go to `moments`,
// as batchnorm.partial leaves them (conv2d/tile_outputs_moments.wgsl). Each invocation reads back what it wrote itself
// in `copy_out`, from the cache: matrices have no elements that it could name. SHARE invocations share a column; their sums
// are added in order. Call `finish` in uniform control flow, after the last use of `result`.
@group(0) @binding(5) var<storage, read_write> moments: array<vec4<f32>>; // [ceil(pixels / 64), 2, groups, c_out]
const COLUMNS: u32 = TILE_N / 4u;
const BLOCKS: u32 = TILE_M / 64u; // blocks of rows in the tile
const SHARE: u32 = THREADS / COLUMNS; // invocations of a column
const EACH: u32 = 2u * MATRIX / SHARE; // rows that each copied at a time

// Row of the tile, number i of the TILE_M / SHARE that an invocation copied: matrices one below the other, of each of them
// EACH rows, from the lower half of the tile and then from the upper.
fn copied(i: u32, lane: u32) -> u32 {
  return tile_row(i / EACH, i % EACH * SHARE + lane / COLUMNS);
}

// Adds up one number per invocation and half of the tile within each block: the sum of block b stands in row SHARE b of `result`.
fn add_up(lane: u32, low: vec4<f32>, high: vec4<f32>) {
  let to = lane / COLUMNS * RESULT + lane % COLUMNS;
  workgroupBarrier();
  set_result(to, low);
  set_result(to + SHARE * RESULT, high);
  workgroupBarrier();
  if lane < BLOCKS * COLUMNS {
    let first = total(lane);
    var sum = get_result(first);
    for (var i = 1u; i < 2u * SHARE / BLOCKS; i++) {
      sum += get_result(first + i * RESULT);
    }
    set_result(first, sum);
  }
  workgroupBarrier();
}

// Where the sum of column i % COLUMNS of block i / COLUMNS stands.
fn total(i: u32) -> u32 {
  return i / COLUMNS * (SHARE * RESULT) + i % COLUMNS;
}

// How many rows from `row` on there are, at most 64.
fn rows_from(row: u32) -> f32 {
  let pixels = params.n * params.oh * params.ow;
  return f32(min(pixels - min(row, pixels), 64u));
}

fn finish(t: Tile, lane: u32) {
  let columns = params.c_out / 4u;
  let pixels = params.n * params.oh * params.ow;
  let column = t.n + lane % COLUMNS;
  var low = vec4<f32>(0.0);
  var high = vec4<f32>(0.0);
  for (var i = 0u; i < TILE_M / SHARE; i++) {
    let row = copied(i, lane);
    if t.m + row < pixels && column < columns {
      let v = vec4<f32>(y[((t.m + row) * params.groups + t.group) * columns + column]);
      if row < TILE_M / 2u { low += v; } else { high += v; }
    }
  }
  add_up(lane, low, high);
  let last = (BLOCKS - 1u) * (SHARE * RESULT);
  let mean_low = get_result(lane % COLUMNS) / max(rows_from(t.m), 1.0);
  let mean_high = get_result(last + lane % COLUMNS) / max(rows_from(t.m + (BLOCKS - 1u) * 64u), 1.0);
  let own = t.m + lane / COLUMNS * 64u; // the block whose moments this invocation writes, if any
  let count = max(rows_from(own), 1.0);
  let mean = get_result(total(lane % (BLOCKS * COLUMNS))) / count;
  var off_low = vec4<f32>(0.0);
  var off_high = vec4<f32>(0.0);
  var squares_low = vec4<f32>(0.0);
  var squares_high = vec4<f32>(0.0);
  for (var i = 0u; i < TILE_M / SHARE; i++) {
    let row = copied(i, lane);
    if t.m + row < pixels && column < columns {
      let v = vec4<f32>(y[((t.m + row) * params.groups + t.group) * columns + column]);
      if row < TILE_M / 2u {
        let d = v - mean_low;
        off_low += d;
        squares_low = fma(d, d, squares_low);
      } else {
        let d = v - mean_high;
        off_high += d;
        squares_high = fma(d, d, squares_high);
      }
    }
  }
  add_up(lane, off_low, off_high);
  let off = get_result(total(lane % (BLOCKS * COLUMNS)));
  add_up(lane, squares_low, squares_high);
  if lane < BLOCKS * COLUMNS && column < columns && own < pixels {
    let squares = get_result(total(lane)) - off * off / count;
    let to = (own / 64u * 2u * params.groups + t.group) * columns + column;
    moments[to] = mean + off / count;
    moments[to + params.groups * columns] = max(squares, vec4<f32>(0.0));
  }
}
