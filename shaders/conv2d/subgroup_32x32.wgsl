// The entry point of the variants lanes, lanes_any and shifted: eight lanes of a subgroup own 32 rows x 32 columns of the result, so that 8 loads,
// each a vector gather, feed 128 four-wide products.
// The file around it gives what is multiplied, in each group, four terms of the sum in a turn: `row_of` a number, what a row of the left operand is
// known by, and `column_of` what a Column is, four of the right one; of the tile that begins with a row, `start`, its first terms, `turns`, how many fours there are, and `next`, those
// after these; `left_of` and `right_of`, four terms of a row and of the lane's four
// columns; `columns`, how many fours of them a group has; `write`, four columns of a row.
// include conv2d/shifted.wgsl if SHIFTED else common/exchange.wgsl

// The results of accumulate: element d of a lane belongs to row `lane ^ d` of eight. lane: below 8.
fn write_rows(row: u32, group: u32, column: u32, lane: u32, acc: ptr<function, Rows>) {
  write(row + (lane ^ 0u), group, column, (*acc)[0]);
  write(row + (lane ^ 1u), group, column, (*acc)[1]);
  write(row + (lane ^ 2u), group, column, (*acc)[2]);
  write(row + (lane ^ 3u), group, column, (*acc)[3]);
  write(row + (lane ^ 4u), group, column, (*acc)[4]);
  write(row + (lane ^ 5u), group, column, (*acc)[5]);
  write(row + (lane ^ 6u), group, column, (*acc)[6]);
  write(row + (lane ^ 7u), group, column, (*acc)[7]);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(subgroup_invocation_id) lane: u32) {
  let across = (columns() + 7u) / 8u;
  let place = place_of(wid, count, across, params.groups);
  let group = place.group;
  let tile = place.row * 32u;
  let column = place.column * 8u + lane;
  let own = column_of(group, min(column, columns() - 1u));
  let p0 = row_of(tile + lane);
  let p1 = row_of(tile + 8u + lane);
  let p2 = row_of(tile + 16u + lane);
  let p3 = row_of(tile + 24u + lane);
  var acc0: Rows;
  var acc1: Rows;
  var acc2: Rows;
  var acc3: Rows;
  // One loop for all of them: entering and leaving a loop costs as much as a turn of it.
  var t = start(tile);
  for (var i = 0u; i < turns(tile); i++) {
    // include conv2d/three_taps_32x32.wgsl if SHIFTED else conv2d/one_tap_32x32.wgsl
    t = next(tile, t);
  }
  write_rows(tile, group, column, lane, &acc0);
  write_rows(tile + 8u, group, column, lane, &acc1);
  write_rows(tile + 16u, group, column, lane, &acc2);
  write_rows(tile + 24u, group, column, lane, &acc3);
}
