// Where the results of accumulate (common/exchange.wgsl) go: element d of a lane belongs to pixel `lane ^ d` of eight. The file around
// gives `put`, which writes four channels of a pixel. lane: below 8.
fn put_all(pixel: u32, column: u32, lane: u32, acc: ptr<function, Rows>) {
  put(pixel + (lane ^ 0u), column, (*acc)[0]);
  put(pixel + (lane ^ 1u), column, (*acc)[1]);
  put(pixel + (lane ^ 2u), column, (*acc)[2]);
  put(pixel + (lane ^ 3u), column, (*acc)[3]);
  put(pixel + (lane ^ 4u), column, (*acc)[4]);
  put(pixel + (lane ^ 5u), column, (*acc)[5]);
  put(pixel + (lane ^ 6u), column, (*acc)[6]);
  put(pixel + (lane ^ 7u), column, (*acc)[7]);
}
