// dx[n, iy, ix, g C + ci] = sum over ky, kx and the outputs co of group g of dy[n, oy, ox, co] w[ky, kx, ci, co],
// where oy s + ky - p = iy and ox s + kx - p = ix.
// One invocation owns one input element. Grid: ceil(n h w c_in / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i >= params.n * params.h * params.w * params.c_in {
    return;
  }
  let depth = params.c_in / params.groups;
  let breadth = params.c_out / params.groups;
  let ci = i % params.c_in;
  let pixel = i / params.c_in;
  let ix = pixel % params.w;
  let iy = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  let first = ci / depth * breadth;
  var sum = 0.0;
  for (var ky = 0u; ky < params.kh; ky++) {
    let ry = iy + params.pad_h - ky;
    let oy = ry / params.stride_h;
    if oy >= params.oh || oy * params.stride_h != ry { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let rx = ix + params.pad_w - kx;
      let ox = rx / params.stride_w;
      if ox >= params.ow || ox * params.stride_w != rx { continue; }
      let from_y = ((n * params.oh + oy) * params.ow + ox) * params.c_out + first;
      let from_w = ((ky * params.kw + kx) * depth + ci % depth) * params.c_out + first;
      for (var co = 0u; co < breadth; co++) {
        sum = fma(dy[from_y + co], w[from_w + co], sum);
      }
    }
  }
  dx[i] = sum;
}
