// conv2d.forward, and the moments of its output: y as there, and partial[b, 0] = mean, partial[b, 1] = sum of (y - mean)^2 per
// channel over the pixels 64 b .. 64 b + 63, as far as there are: what batchnorm.partial leaves for batchnorm.combine.
// The second pass also measures by how much the rounded mean is off and corrects both (Chan, Golub, LeVeque 1983).
// partial: [ceil(n oh ow / 64), 2, c_out]. Groups: 1. A workgroup owns one channel of one block of 64 pixels, each invocation one
// output, the first the moments. Grid: blocks c_out workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
// include common/conv2d.wgsl
// include conv2d/output_of_pixel.wgsl
// include conv2d/blockwise.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

fn input(at: u32, ci: u32) -> f32 {
  return f32(x[at + ci]);
}
