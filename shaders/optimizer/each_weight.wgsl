// The entry point of the optimisers: one workgroup owns one chunk (common/parameters.wgsl), one invocation one element at a time. Nothing
// happens when halt[0] is not 0. An element whose update would not be finite stays as it is, and the maximum of its chunk becomes
// infinite, which the metric kernel sees and halts. The file around it gives `update`, which leaves its own state; `sum` is the gradient,
// `decay` the weight decay, decay w, which most methods add to it.
// include common/grid.wgsl
// include common/step.wgsl
// include common/finite.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
// include optimizer/gradient.wgsl

// A weight after its update, before the clip, and whether all of the update is finite.
struct Updated { weight: f32, sound: bool }

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  if index >= params.chunks || halt[0] != 0u {
    return;
  }
  let chunk = chunks[params.first_chunk + index];
  let segment = segments[chunk.segment];
  let size = min(CHUNK, segment.len - chunk.start);
  let at = segment.offset + chunk.start - params.base;
  var most = 0.0;
  for (var i = lane; i < size; i += SIZE) {
    let before = weight[at + i];
    let sum = gradient(segment, chunk.start + i);
    let updated = update(at + i, step.lr * segment.rate, before, sum, segment.decay * before);
    if updated.sound {
      let w = clipped(segment, step.clip_scale, updated.weight);
      weight[at + i] = w;
      most = max(most, abs(w));
    } else {
      most = infinity(i);
    }
  }
  most = workgroup_max(most, lane, SIZE);
  if lane == 0u {
    maxima[params.first_chunk + index] = most;
  }
}
