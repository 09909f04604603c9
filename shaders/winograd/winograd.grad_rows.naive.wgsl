// t[panel, row, band, column, channel]: the rows G e of every band, see common/winograd_rows.wgsl.
// dy: [n, oh, ow, c_out], t: [ceil(c_out / 32), 4, bands, width, 32].
// One invocation owns one element. Grid: ceil(elements / 64) workgroups, in rows.
// include common/grid.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> t: array<f32>;

fn pixel(n: u32, y: u32, x: u32, c: u32) -> f32 {
  let inside = y < params.oh && x < params.ow && c < params.c_out;
  return select(0.0, dy[select(0u, ((n * params.oh + y) * params.ow + x) * params.c_out + c, inside)], inside);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let columns = width(params);
  let band = i / 32u / columns % bands(params);
  let row = i / 32u / columns / bands(params) % 4u;
  let panel = i / 32u / columns / bands(params) / 4u;
  if panel >= (params.c_out + 31u) / 32u {
    return;
  }
  let c = panel * 32u + i % 32u;
  let n = band / ((params.oh + 1u) / 2u);
  let y = band % ((params.oh + 1u) / 2u) * 2u;
  let upper = pixel(n, y, i / 32u % columns, c);
  let lower = pixel(n, y + 1u, i / 32u % columns, c);
  t[i] = select(0.0, upper, row < 3u) + select(0.0, select(lower, -lower, row == 2u), row > 0u);
}
