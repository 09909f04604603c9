// As conv2d.forward.naive for kernels of 1x1 at stride 1 without padding: linear layers, and classifiers of any number of classes.
// A workgroup owns 8 pixels x 8 output channels of a group, an invocation one channel of them; x is read at addresses that all
// invocations share, each weight once for 8 pixels.
// Grid: groups ceil(c_out / 8) workgroups in x, ceil(pixels / 8) in y and z.
// include common/conv2d.wgsl
// include conv2d/eight_by_eight.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_scalars.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> w: array<f32>; // unless bits
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

fn depth() -> u32 {
  return params.c_in;
}

fn breadth() -> u32 {
  return params.c_out;
}

fn value(i: u32) -> f32 {
  return f32(x[i]);
}

fn weight_of(group: u32, ci: u32, co: u32) -> f32 {
  return weight(group * params.c_out + co, ci);
}

fn store(i: u32, v: f32) {
  y[i] = Y(v);
}
