// The gradient of max pooling, batch norm and ReLU in a row, for windows that tile the image: with x the pooled map,
// dp = scale (dz - dbeta / total - (x - mean) inv_std dgamma / total), dz = dy where (x - mean) scale + beta > 0, else 0,
// as in norm_relu.backward; dx = dp at the element of each window that maxpool.forward took, 0 at the others.
// x, dy, index: [n, oh, ow, c]; dx: [n, oh kh, ow kw, c]; table: [4, c], its rows mean, scale, beta, inv_std;
// dgamma, dbeta: [c]. One invocation owns one element of x and its window of dx.
// Grid: ceil(n oh ow c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { n: u32, oh: u32, ow: u32, c: u32, kh: u32, kw: u32, total: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> index: array<u32>;
@group(0) @binding(4) var<storage, read> table: array<f32>;
@group(0) @binding(5) var<storage, read> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i >= params.n * params.oh * params.ow * params.c {
    return;
  }
  let channel = i % params.c;
  let pixel = i / params.c;
  let scale = table[params.c + channel];
  let offset = dbeta[channel] / f32(params.total);
  let slope = table[3u * params.c + channel] * dgamma[channel] / f32(params.total);
  let d = f32(x[i]) - table[channel];
  let dz = select(0.0, dy[i], fma(d, scale, table[2u * params.c + channel]) > 0.0);
  let dp = scale * (dz - offset - d * slope);
  let taken = index[i];
  let w = params.ow * params.kw;
  let first = pixel / params.ow * params.kh * w + pixel % params.ow * params.kw;
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      dx[(first + ky * w + kx) * params.c + channel] = select(0.0, dp, taken == ky * params.kw + kx);
    }
  }
}
