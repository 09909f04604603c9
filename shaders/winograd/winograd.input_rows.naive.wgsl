// t[panel, row, band, column, channel]: the rows B^T d of every band, see common/winograd_rows.wgsl.
// x: [n, h, w, c_in], t: [ceil(c_in / 32), 4, bands, width + 2, 32]. Column 0 is column -pad_w of the input.
// One invocation owns one element. Grid: ceil(elements / 64) workgroups, in rows.
// include common/grid.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> t: array<f32>;

fn pixel(n: u32, y: u32, x_: u32, c: u32) -> f32 {
  let inside = y < params.h && x_ < params.w && c < params.c_in;
  return select(0.0, x[select(0u, ((n * params.h + y) * params.w + x_) * params.c_in + c, inside)], inside);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let columns = width(params) + 2u;
  let band = i / 32u / columns % bands(params);
  let row = i / 32u / columns / bands(params) % 4u;
  let panel = i / 32u / columns / bands(params) / 4u;
  if panel >= (params.c_in + 31u) / 32u {
    return;
  }
  let c = panel * 32u + i % 32u;
  let at = i / 32u % columns - params.pad_w;
  let n = band / ((params.oh + 1u) / 2u);
  let y = band % ((params.oh + 1u) / 2u) * 2u - params.pad_h;
  let second = select(1u, 2u, row < 2u);
  let sign = select(-1.0, 1.0, row == 1u);
  t[i] = fma(sign, pixel(n, y + second, at, c), pixel(n, y + row, at, c));
}
