// The entry point of the variants narrow, narrow_any and narrow_shifted: as conv2d/subgroup_32x32.wgsl, for few columns: 64 rows x 16 of them. What becomes
// of the results the file around it says by conv2d/outputs_64x16*.wgsl.
// include conv2d/shifted.wgsl if SHIFTED else common/exchange.wgsl

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
    // include conv2d/three_taps_64x16.wgsl if SHIFTED else conv2d/one_tap_64x16.wgsl
    t = next(tile, t);
  }
  finish(tile, group, column, lane, &acc0, &acc1, &acc2, &acc3);
}
