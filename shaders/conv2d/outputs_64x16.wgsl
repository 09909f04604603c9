// The results of conv2d/subgroup_64x16.wgsl go to memory.
// include common/exchange.wgsl

// The results of accumulate_pair: element d of a lane belongs to row `lane ^ d` of eight, element 4 + d to the one that is eight further
// on. lane: below 8.
fn write_pair(row: u32, group: u32, column: u32, lane: u32, acc: ptr<function, Rows>) {
  write(row + (lane ^ 0u), group, column, (*acc)[0]);
  write(row + (lane ^ 1u), group, column, (*acc)[1]);
  write(row + (lane ^ 2u), group, column, (*acc)[2]);
  write(row + (lane ^ 3u), group, column, (*acc)[3]);
  write(row + 8u + (lane ^ 0u), group, column, (*acc)[4]);
  write(row + 8u + (lane ^ 1u), group, column, (*acc)[5]);
  write(row + 8u + (lane ^ 2u), group, column, (*acc)[6]);
  write(row + 8u + (lane ^ 3u), group, column, (*acc)[7]);
}

fn finish(tile: u32, group: u32, column: u32, lane: u32, acc0: ptr<function, Rows>, acc1: ptr<function, Rows>,
          acc2: ptr<function, Rows>, acc3: ptr<function, Rows>) {
  write_pair(tile, group, column, lane, acc0);
  write_pair(tile + 16u, group, column, lane, acc1);
  write_pair(tile + 32u, group, column, lane, acc2);
  write_pair(tile + 48u, group, column, lane, acc3);
}
