// The entry point of conv2d.forward.naive: an invocation for each element of y, in order. The file around it binds y and gives
// `output(pixel, channel, split)`.
// include entry/each.wgsl
fn each(i: u32) {
  let pixels = params.n * params.oh * params.ow;
  let channels = params.groups * params.c_out;
  if i < params.splits * pixels * channels {
    y[i] = Y(onto(i, output(i / channels % pixels, i % channels, i / channels / pixels)));
  }
}
