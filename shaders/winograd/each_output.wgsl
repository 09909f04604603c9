// The entry point of winograd.multiply.naive: an invocation for each element of y, in order (conv2d/each_block.wgsl is another, for the moments).
// include entry/each.wgsl
fn each(e: u32) {
  let every = params.groups * params.c_out;
  if e < params.n * params.oh * params.ow * every {
    y[e] = onto(e, output(e / every, e % every, 0u));
  }
}
