// dx[n, iy, ix, g, ci] = sum over ky, kx, co of dy[n, oy, ox, g, co] w[ky, kx, ci, g, co],
// where oy s + ky - p = iy and ox s + kx - p = ix.
// One invocation owns one input element. Grid: ceil(n h w groups c_in / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i >= params.n * params.h * params.w * params.groups * params.c_in {
    return;
  }
  let group = i / params.c_in % params.groups;
  let pixel = i / params.c_in / params.groups;
  let ix = pixel % params.w;
  let iy = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  var sum = 0.0;
  for (var ky = 0u; ky < params.kh; ky++) {
    let ry = iy + params.pad_h - ky;
    let oy = ry / params.stride_h;
    if oy >= params.oh || oy * params.stride_h != ry { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let rx = ix + params.pad_w - kx;
      let ox = rx / params.stride_w;
      if ox >= params.ow || ox * params.stride_w != rx { continue; }
      let from_y = (((n * params.oh + oy) * params.ow + ox) * params.groups + group) * params.c_out;
      let from_w = (((ky * params.kw + kx) * params.c_in + i % params.c_in) * params.groups + group) * params.c_out;
      for (var co = 0u; co < params.c_out; co++) {
        sum = fma(dy[from_y + co], w[from_w + co], sum);
      }
    }
  }
  dx[i] = sum;
}
