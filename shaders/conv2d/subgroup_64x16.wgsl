// The entry point of the variants narrow and narrow_any: as conv2d/subgroup_32x32.wgsl, for few columns: 64 rows x 16 of them.
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
  // One loop for all of them: entering and leaving a loop costs as much as a turn of it.
  var t = start(tile);
  for (var i = 0u; i < turns(tile); i++) {
    let w = right_of(own, t);
    accumulate_pair(&acc0, left_of(p0, group, t), left_of(p1, group, t), w, lane);
    accumulate_pair(&acc1, left_of(p2, group, t), left_of(p3, group, t), w, lane);
    accumulate_pair(&acc2, left_of(p4, group, t), left_of(p5, group, t), w, lane);
    accumulate_pair(&acc3, left_of(p6, group, t), left_of(p7, group, t), w, lane);
    t = next(tile, t);
  }
  write_pairs(tile, group, column, lane, &acc0);
  write_pairs(tile + 16u, group, column, lane, &acc1);
  write_pairs(tile + 32u, group, column, lane, &acc2);
  write_pairs(tile + 48u, group, column, lane, &acc3);
}
