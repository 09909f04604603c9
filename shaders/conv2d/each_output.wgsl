// The entry point of conv2d.forward.naive: an invocation for each element of y, in order. The file around it binds y and gives
// `output(pixel, channel, split)`.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let pixels = params.n * params.oh * params.ow;
  if i < params.splits * pixels * params.c_out {
    y[i] = Y(output(i / params.c_out % pixels, i % params.c_out, i / params.c_out / pixels));
  }
}
