// As maxpool.backward.vec4, for windows that tile the image: the stride is the size of the window, there is no padding,
// and the last window ends where the image ends.
// Over vec4: an invocation owns one window and writes all of it, so dy and index are read once per window instead of
// once per element, and the index arithmetic serves the window.
// Grid: ceil(n oh ow c / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/pool.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> index: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  if i >= params.n * params.oh * params.ow * quads {
    return;
  }
  let channel = i % quads;
  let pixel = i / quads;
  let first = pixel / params.ow * params.kh * params.w + pixel % params.ow * params.kw;
  let g = dy[i];
  let taken = index[i];
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let here = taken == vec4<u32>(ky * params.kw + kx);
      dx[(first + ky * params.w + kx) * quads + channel] = select(vec4<f32>(0.0), g, here);
    }
  }
}
