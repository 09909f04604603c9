// As maxpool.forward.vec4, for windows that tile the image: the stride is the size of the window, there is no padding,
// and the last window ends where the image ends.
// Over vec4: no edges to compare with and a quarter of the index arithmetic, which costs a software driver more than
// the loads. Grid: ceil(n oh ow c / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/pool.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<storage, read_write> index: array<vec4<u32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  if i >= params.n * params.oh * params.ow * quads {
    return;
  }
  let channel = i % quads;
  let pixel = i / quads;
  let first = pixel / params.ow * params.kh * params.w + pixel % params.ow * params.kw;
  var best = vec4<f32>(x[first * quads + channel]);
  var taken = vec4<u32>(0u);
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let v = vec4<f32>(x[(first + ky * params.w + kx) * quads + channel]);
      let larger = v > best;
      best = select(best, v, larger);
      taken = select(taken, vec4<u32>(ky * params.kw + kx), larger);
    }
  }
  y[i] = vec4<Y>(best);
  index[i] = taken;
}
