// The entry point of the variants lanes and lanes_any: eight lanes of a subgroup own 32 rows x 32 columns of the result, so that 8 loads,
// each a vector gather, feed 128 four-wide products.
// The file around it gives what is multiplied, in each group, four terms of the sum in a turn: `row_of` a number, what a row of the left operand is
// known by, and `column_of` what a Column is, four of the right one; of the tile that begins with a row, `start`, its first terms, `turns`, how many fours there are, and `next`, those
// after these; `left_of` and `right_of`, four terms of a row and of the lane's four
// columns; `columns`, how many fours of them a group has; `write`, four columns of a row.
// include common/exchange.wgsl
// include conv2d/write_rows.wgsl

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
    let w = right_of(own, t);
    accumulate(&acc0, left_of(p0, group, t), w, lane);
    accumulate(&acc1, left_of(p1, group, t), w, lane);
    accumulate(&acc2, left_of(p2, group, t), w, lane);
    accumulate(&acc3, left_of(p3, group, t), w, lane);
    t = next(tile, t);
  }
  write_rows(tile, group, column, lane, &acc0);
  write_rows(tile + 8u, group, column, lane, &acc1);
  write_rows(tile + 16u, group, column, lane, &acc2);
  write_rows(tile + 24u, group, column, lane, &acc3);
}
