// conv2d.forward_normalised and conv2d.forward_statistics in one: x passes through batch norm and ReLU while it is read, and the
// moments of each block of 64 pixels of y are left in `partial`. Buffers as in those two; owners and grid as in the latter.
// include common/grid.wgsl
// include common/conv2d.wgsl
// include conv2d/output_of_pixel.wgsl
// include conv2d/blockwise.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;

fn input(at: u32, ci: u32) -> f32 {
  let z = fma(f32(x[at + ci]) - table[ci], table[params.c_in + ci], table[2u * params.c_in + ci]);
  return select(z, 0.0, z < 0.0);
}
