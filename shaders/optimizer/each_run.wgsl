// As optimizer/each_weight.wgsl, four elements at a time, and each eight invocations walk through consecutive ones (run_of in
// common/parameters.wgsl). Partial sums begin at multiples of four: a tensor with several has a multiple of 4 elements. Of a tensor's
// last four, those behind its end, which are not `inside`, are written back as they were.
// include common/grid.wgsl
// include common/step.wgsl
// include common/finite.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
// include optimizer/gradient_fours.wgsl

struct Updated { weight: vec4<f32>, sound: vec4<bool> }

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
  let at = (segment.offset + chunk.start - params.base) / 4u;
  let run = run_of(lane, SIZE, (size + 3u) / 4u);
  var most = vec4<f32>(0.0);
  for (var i = run.x; i < run.y; i += 8u) {
    let before = weight[at + i];
    let sum = gradient(segment, chunk.start + 4u * i);
    let inside = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(size);
    let updated = update(at + i, step.lr * segment.rate, before, sum, segment.decay * before, inside);
    let w = clipped_vec4(segment, step.clip_scale, updated.weight);
    weight[at + i] = select(before, w, inside & updated.sound);
    most = max(most, select(vec4<f32>(0.0), select(vec4<f32>(infinity(i)), abs(w), updated.sound), inside));
  }
  let top = workgroup_max(max(max(most.x, most.y), max(most.z, most.w)), lane, SIZE);
  if lane == 0u {
    maxima[params.first_chunk + index] = top;
  }
}
