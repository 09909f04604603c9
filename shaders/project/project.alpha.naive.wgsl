// alphas[tensor] = max |w| of a parameter tensor, from the `maxima` of its chunks: exact in any order. A kernel of its
// own, so that the projection, which has a workgroup per chunk, does not add up the chunks of a tensor once per chunk.
// One workgroup owns one tensor (common/parameters.wgsl). Grid: one workgroup per tensor, in rows.
// include common/grid.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
const SIZE: u32 = 64u; // knob 64 128 256

struct Params { tensors: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> maxima: array<f32>;
@group(0) @binding(3) var<storage, read_write> alphas: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tensor = linear_workgroup(wid, count);
  if tensor >= params.tensors {
    return;
  }
  let segment = segments[tensor];
  var most = 0.0;
  for (var i = lane; i < segment.chunks; i += SIZE) {
    most = max(most, maxima[segment.first_chunk + i]);
  }
  most = workgroup_max(most, lane, SIZE);
  if lane == 0u {
    alphas[tensor] = most;
  }
}
