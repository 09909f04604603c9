// As conv2d.grad_input.naive for kernels of 1x1 at stride 1 without padding: linear layers, of any width.
// A workgroup owns 8 pixels x 8 input channels of a group, an invocation one channel of them; dy is read at addresses that all
// invocations share, each weight once for 8 pixels.
// Over naive on lavapipe, where a load whose address differs between the lanes is a loop over them: 3 times as fast at
// 64 -> 10 features, the last layer of a small network.
// Grid: groups ceil(c_in / 8) workgroups in x, ceil(pixels / 8) in y and z.
// include common/conv2d.wgsl
// include conv2d/eight_by_eight.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn depth() -> u32 {
  return params.c_out;
}

fn breadth() -> u32 {
  return params.c_in;
}

fn value(i: u32) -> f32 {
  return dy[i];
}

fn weight_of(group: u32, co: u32, ci: u32) -> f32 {
  return w[(ci * params.groups + group) * params.c_out + co];
}

fn store(i: u32, v: f32) {
  dx[i] = v;
}
