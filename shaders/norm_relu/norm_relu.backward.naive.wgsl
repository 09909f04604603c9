// dx = scale (dz - dbeta / total - (x - mean) inv_std dgamma / total), dz = dy where (x - mean) scale + beta > 0, else 0:
// the gradient of batch norm and ReLU, through the moments of `total` rows as well.
// With `skip`, the gradient of a shortcut around the layer, that is added.
// x, dy, skip, dx: [rows, c]; table: [4, c], its rows mean, scale, beta, inv_std; dgamma, dbeta: [c].
// One invocation owns one element. Grid: ceil(rows c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include norm_relu/onto_skip.wgsl if skip else norm_relu/onto_none.wgsl
alias Value = f32;
struct Params { rows: u32, c: u32, total: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read> dgamma: array<f32>;
@group(0) @binding(5) var<storage, read> dbeta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i >= params.rows * params.c {
    return;
  }
  let channel = i % params.c;
  let scale = table[params.c + channel];
  let offset = dbeta[channel] / f32(params.total);
  let slope = table[3u * params.c + channel] * dgamma[channel] / f32(params.total);
  let d = f32(x[i]) - table[channel];
  let dz = select(0.0, dy[i], fma(d, scale, table[2u * params.c + channel]) > 0.0);
  dx[i] = onto(i, scale * (dz - offset - d * slope));
}
