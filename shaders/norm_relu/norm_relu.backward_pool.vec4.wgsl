// As norm_relu.backward_pool.naive, four channels of ROWS pooled pixels per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and what depends on the channel alone serves ROWS pixels. The pixels of an
// invocation lie far apart, so that neighbouring invocations stream through memory together.
// Grid: ceil(ceil(n oh ow / ROWS) c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x dy dx
// include entry/each.wgsl
const ROWS: u32 = 4u; // knob 1 2 4 8
struct Params { n: u32, oh: u32, ow: u32, c: u32, kh: u32, kw: u32, total: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> index: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> dgamma: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> dbeta: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let pixels = params.n * params.oh * params.ow;
  let stride = (pixels + ROWS - 1u) / ROWS * quads;
  if i >= stride {
    return;
  }
  let channel = i % quads;
  let mean = table[channel];
  let scale = table[quads + channel];
  let beta = table[2u * quads + channel];
  let offset = dbeta[channel] / f32(params.total);
  let slope = table[3u * quads + channel] * dgamma[channel] / f32(params.total);
  let w = params.ow * params.kw;
  for (var k = i; k < pixels * quads; k += stride) {
    let d = vec4<f32>(x[k]) - mean;
    let dz = select(vec4<f32>(0.0), dy[k], fma(d, scale, beta) > vec4<f32>(0.0));
    let dp = scale * (dz - offset - d * slope);
    let taken = index[k];
    let pixel = k / quads;
    let first = pixel / params.ow * params.kh * w + pixel % params.ow * params.kw;
    for (var ky = 0u; ky < params.kh; ky++) {
      for (var kx = 0u; kx < params.kw; kx++) {
        let here = taken == vec4<u32>(ky * params.kw + kx);
        dx[(first + ky * w + kx) * quads + channel] = select(vec4<f32>(0.0), dp, here);
      }
    }
  }
}
