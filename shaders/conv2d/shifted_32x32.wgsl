// The entry point of the variant shifted (conv2d/three_taps.wgsl): 32 rows x 32 columns.
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
  var t = start(tile);
  for (var i = 0u; i < turns(tile); i++) {
    let x0 = left_of(p0, group, t);
    let x1 = left_of(p1, group, t);
    let x2 = left_of(p2, group, t);
    let x3 = left_of(p3, group, t);
    let middle = right_of(own, t);
    accumulate(&acc0, x0, middle, lane);
    accumulate(&acc1, x1, middle, lane);
    accumulate(&acc2, x2, middle, lane);
    accumulate(&acc3, x3, middle, lane);
    let before = right_of(own, Term(t.ky, BEFORE, t.c));
    accumulate(&acc0, one_before(x0, x0, 0u, lane), before, lane);
    accumulate(&acc1, one_before(x1, x0, 1u, lane), before, lane);
    accumulate(&acc2, one_before(x2, x1, 2u, lane), before, lane);
    accumulate(&acc3, one_before(x3, x2, 3u, lane), before, lane);
    let behind = right_of(own, Term(t.ky, 2u - BEFORE, t.c));
    accumulate(&acc0, one_behind(x0, x1, 0u, lane), behind, lane);
    accumulate(&acc1, one_behind(x1, x2, 1u, lane), behind, lane);
    accumulate(&acc2, one_behind(x2, x3, 2u, lane), behind, lane);
    accumulate(&acc3, one_behind(x3, x3, 3u, lane), behind, lane);
    t = next(tile, t);
  }
  write_rows(tile, group, column, lane, &acc0);
  write_rows(tile + 8u, group, column, lane, &acc1);
  write_rows(tile + 16u, group, column, lane, &acc2);
  write_rows(tile + 24u, group, column, lane, &acc3);
}
