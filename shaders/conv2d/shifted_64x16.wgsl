// The entry point of the variant narrow_shifted (conv2d/three_taps.wgsl): 64 rows x 16 columns.
// include common/exchange.wgsl
// include conv2d/write_rows.wgsl
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(subgroup_invocation_id) lane: u32) {
  let across = (columns() + 3u) / 4u;
  let place = place_of(wid, count, across, params.groups);
  let group = place.group;
  let tile = place.row * 64u;
  let column = place.column * 4u + lane % 4u;
  let own = column_of(group, min(column, columns() - 1u));
  let p0 = row_of(tile + lane);
  let p1 = row_of(tile + 8u + lane);
  let p2 = row_of(tile + 16u + lane);
  let p3 = row_of(tile + 24u + lane);
  let p4 = row_of(tile + 32u + lane);
  let p5 = row_of(tile + 40u + lane);
  let p6 = row_of(tile + 48u + lane);
  let p7 = row_of(tile + 56u + lane);
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
    let x4 = left_of(p4, group, t);
    let x5 = left_of(p5, group, t);
    let x6 = left_of(p6, group, t);
    let x7 = left_of(p7, group, t);
    let middle = right_of(own, t);
    accumulate_pair(&acc0, x0, x1, middle, lane);
    accumulate_pair(&acc1, x2, x3, middle, lane);
    accumulate_pair(&acc2, x4, x5, middle, lane);
    accumulate_pair(&acc3, x6, x7, middle, lane);
    let before = right_of(own, Term(t.ky, BEFORE, t.c));
    accumulate_pair(&acc0, one_before(x0, x0, 0u, lane), one_before(x1, x0, 1u, lane), before, lane);
    accumulate_pair(&acc1, one_before(x2, x1, 2u, lane), one_before(x3, x2, 3u, lane), before, lane);
    accumulate_pair(&acc2, one_before(x4, x3, 4u, lane), one_before(x5, x4, 5u, lane), before, lane);
    accumulate_pair(&acc3, one_before(x6, x5, 6u, lane), one_before(x7, x6, 7u, lane), before, lane);
    let behind = right_of(own, Term(t.ky, 2u - BEFORE, t.c));
    accumulate_pair(&acc0, one_behind(x0, x1, 0u, lane), one_behind(x1, x2, 1u, lane), behind, lane);
    accumulate_pair(&acc1, one_behind(x2, x3, 2u, lane), one_behind(x3, x4, 3u, lane), behind, lane);
    accumulate_pair(&acc2, one_behind(x4, x5, 4u, lane), one_behind(x5, x6, 5u, lane), behind, lane);
    accumulate_pair(&acc3, one_behind(x6, x7, 6u, lane), one_behind(x7, x7, 7u, lane), behind, lane);
    t = next(tile, t);
  }
  write_pairs(tile, group, column, lane, &acc0);
  write_pairs(tile + 16u, group, column, lane, &acc1);
  write_pairs(tile + 32u, group, column, lane, &acc2);
  write_pairs(tile + 48u, group, column, lane, &acc3);
}
