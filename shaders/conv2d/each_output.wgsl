// The entry point of conv2d.forward.naive: an invocation for each element of y, in order. The file around it binds y and gives
// `output(pixel, channel)`.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  if i < params.n * params.oh * params.ow * params.c_out {
    y[i] = Y(output(i / params.c_out, i % params.c_out));
  }
}
