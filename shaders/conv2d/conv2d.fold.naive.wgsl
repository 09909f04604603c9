// dx[n, iy, ix, g, ci] = sum of columns[pixel, g, r] over the taps ky, kx whose row (ky, kx, ci) is number first + r of the weights, with
// pixel (n, oy, ox), oy s + ky - p = iy and ox s + kx - p = ix: the gradient of conv2d.unfold.
// One invocation owns one element. Grid: ceil(n h w groups c_in / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/unfold.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> columns: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  let channels = params.groups * params.c_in;
  if i >= params.n * params.h * params.w * channels {
    return;
  }
  let pixel = i / channels;
  let ix = pixel % params.w;
  let iy = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  var sum = 0.0;
  for (var tap = 0u; tap < params.kh * params.kw; tap++) {
    let ry = iy + params.pad_h - tap / params.kw;
    let rx = ix + params.pad_w - tap % params.kw;
    let oy = ry / params.stride_h;
    let ox = rx / params.stride_w;
    let r = tap * params.c_in + i % params.c_in - params.first; // wraps where it is negative
    let reached = oy < params.oh && ox < params.ow && oy * params.stride_h == ry && ox * params.stride_w == rx;
    if reached && r < params.rows {
      let p = (n * params.oh + oy) * params.ow + ox;
      sum += columns[(p * params.groups + i % channels / params.c_in) * params.rows + r];
    }
  }
  dx[i] = sum;
}
