// How the lanes of a tile write what they have accumulated (common/exchange.wgsl); the file around it gives `write`.

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

// The results of accumulate_pair: element d of a lane belongs to row `lane ^ d` of eight, element 4 + d to the one that is eight further
// on. lane: below 8.
fn write_pairs(row: u32, group: u32, column: u32, lane: u32, acc: ptr<function, Rows>) {
  write(row + (lane ^ 0u), group, column, (*acc)[0]);
  write(row + (lane ^ 1u), group, column, (*acc)[1]);
  write(row + (lane ^ 2u), group, column, (*acc)[2]);
  write(row + (lane ^ 3u), group, column, (*acc)[3]);
  write(row + 8u + (lane ^ 0u), group, column, (*acc)[4]);
  write(row + 8u + (lane ^ 1u), group, column, (*acc)[5]);
  write(row + 8u + (lane ^ 2u), group, column, (*acc)[6]);
  write(row + 8u + (lane ^ 3u), group, column, (*acc)[7]);
}
