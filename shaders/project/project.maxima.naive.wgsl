// maxima[chunk] = max |weight| over the chunk: for weights that were loaded; the update leaves its own.
// One workgroup owns one chunk (common/parameters.wgsl). weight: flat, from element `base` on; its padding is 0.
// Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
const SIZE: u32 = 256u; // knob 64 128 256

struct Params { first_chunk: u32, chunks: u32, base: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> maxima: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  if index >= params.chunks {
    return;
  }
  let chunk = chunks[params.first_chunk + index];
  let segment = segments[chunk.segment];
  let padded = (min(CHUNK, segment.len - chunk.start) + 63u) / 64u * 16u; // in fours
  let at = (segment.offset + chunk.start - params.base) / 4u;
  var most = vec4<f32>(0.0);
  for (var i = lane; i < padded; i += SIZE) {
    most = max(most, abs(weight[at + i]));
  }
  most = vec4<f32>(workgroup_max(max(max(most.x, most.y), max(most.z, most.w)), lane, SIZE));
  if lane == 0u {
    maxima[params.first_chunk + index] = most.x;
  }
}
