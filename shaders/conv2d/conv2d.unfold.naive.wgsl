// columns[pixel, g, r] = x[n, oy s + ky - p, ox s + kx - p, g, ci], zero outside the image, where (ky, kx, ci) is row first + r of the
// weights: what makes a convolution a product of two matrices ("im2col"; K. Chellapilla, S. Puri, P. Simard, High Performance
// Convolutional Neural Networks for Document Processing, 2006).
// One invocation owns one element. Grid: ceil(n oh ow groups rows / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/unfold.wgsl
alias X = f32; // map x
alias Columns = f32; // map columns
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> columns: array<Columns>;

fn each(i: u32) {
  if i >= params.n * params.oh * params.ow * params.groups * params.rows {
    return;
  }
  let row = params.first + i % params.rows;
  let tap = row / params.c_in;
  let p = i / (params.rows * params.groups);
  let iy = p / params.ow % params.oh * params.stride_h + tap / params.kw - params.pad_h; // wraps far above h where it is negative
  let ix = p % params.ow * params.stride_w + tap % params.kw - params.pad_w;
  let inside = iy < params.h && ix < params.w;
  let pixel = (p / (params.ow * params.oh) * params.h + iy) * params.w + ix;
  let at = (pixel * params.groups + i / params.rows % params.groups) * params.c_in + row % params.c_in;
  columns[i] = Columns(select(0.0, f32(x[select(0u, at, inside)]), inside));
}
