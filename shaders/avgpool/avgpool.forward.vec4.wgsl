// As avgpool.forward.naive, four channels per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and the index arithmetic serves four channels.
// Grid: ceil(n oh ow c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x y
// include entry/each.wgsl
// include common/element.wgsl
// include common/pool.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  if i >= params.n * params.oh * params.ow * quads {
    return;
  }
  let own = element_of(i, params.oh, params.ow, quads);
  let part = pool_window(params, own.y, own.x);
  var sum = vec4<f32>(0.0);
  for (var i = 0u; i < params.kh; i++) {
    for (var j = 0u; j < params.kw; j++) {
      let iy = part.x + i;
      let ix = part.y + j;
      let there = iy < part.z && ix < part.w;
      let at = select(0u, ((own.n * params.h + iy) * params.w + ix) * quads + own.channel, there);
      sum += select(vec4<f32>(0.0), vec4<f32>(x[at]), there);
    }
  }
  y[i] = vec4<Y>(sum / pool_count(params, own.y, own.x));
}
