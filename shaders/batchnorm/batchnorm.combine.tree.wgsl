// As batchnorm.combine.naive, for c a multiple of 4.
// Over vec4: 32 times the invocations, which a discrete GPU needs to hide the latency of its memory.
// A workgroup owns 32 channels: 8 lanes side by side take four channels each, 32 rows of lanes take every 32nd block;
// their sums are halved in workgroup memory. Grid: ceil(c / 32) workgroups.
// include common/grid.wgsl
// include common/add_rows.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> mean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> variance: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let quads = params.c / 4u;
  let own = strip_of(linear_workgroup(wid, count), lane, quads);
  let blocks = (params.rows + params.block - 1u) / params.block;
  let m = f32(params.rows);
  var base = vec4<f32>(0.0);
  if own.inside {
    base = partial[own.channel];
  }
  var sum = vec4<f32>(0.0);
  for (var b = own.row; b < blocks && own.inside; b += 32u) {
    let n = f32(min(params.block, params.rows - b * params.block));
    sum += n * (partial[2u * b * quads + own.channel] - base);
  }
  part[lane] = sum;
  add_rows(lane);
  let middle = base + part[lane % 8u] / m;
  workgroupBarrier();
  var off = vec4<f32>(0.0);
  var squares = vec4<f32>(0.0);
  for (var b = own.row; b < blocks && own.inside; b += 32u) {
    let n = f32(min(params.block, params.rows - b * params.block));
    let d = partial[2u * b * quads + own.channel] - middle;
    off += n * d;
    squares += partial[(2u * b + 1u) * quads + own.channel] + n * d * d;
  }
  part[lane] = off;
  other[lane] = squares;
  add_rows(lane);
  if lane < 8u && own.inside {
    mean[own.channel] = middle + part[lane] / m;
    variance[own.channel] = max(other[lane] - part[lane] * part[lane] / m, vec4<f32>(0.0)) / m;
  }
}
