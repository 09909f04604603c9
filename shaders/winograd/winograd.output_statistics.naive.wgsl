// winograd.output, and the moments of each block of 64 pixels of y in `partial`, [ceil(pixels / 64), 2, c_out]: mean, and sum of
// (y - mean)^2, the latter corrected by how much the rounded mean is off (Chan, Golub, LeVeque 1983).
// A workgroup owns one channel of a block, an invocation one output of it.
// Grid: blocks * c_out, rows of equal length beyond 65,535.
// include winograd/output_elements.wgsl
// include conv2d/blockwise.wgsl
alias Y = f32;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
