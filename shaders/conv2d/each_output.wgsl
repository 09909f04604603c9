// The entry point of conv2d.forward.naive: an invocation for each element of y, in order. The file around it binds y and gives
// `output(pixel, channel, split)`.
// include entry/each.wgsl
fn each(i: u32) {
  let pixels = params.n * params.oh * params.ow;
  if i < params.splits * pixels * params.c_out {
    y[i] = Y(output(i / params.c_out % pixels, i % params.c_out, i / params.c_out / pixels));
  }
}
