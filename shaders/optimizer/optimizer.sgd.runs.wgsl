// As optimizer.sgd.naive, four elements at a time, and each eight invocations walk through consecutive ones (run_of in
// common/parameters.wgsl). Partial sums begin at multiples of four: a tensor with several has a multiple of 4 elements.
// Of a tensor's last four, those behind its end are written back as they were.
// Over naive: loads and stores four wide; on lavapipe twice as fast.
// Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/step.wgsl
// include common/finite.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
// include optimizer/gradient_fours.wgsl
const SIZE: u32 = 64u; // knob 64 128 256

struct Params { first_chunk: u32, chunks: u32, base: u32, grad_base: u32, fours: u32, momentum: f32, nesterov: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(4) var<storage, read> halt: array<u32>;
@group(0) @binding(5) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> maxima: array<f32>;

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
    let v0 = v[at + i];
    let g = step.lr * segment.rate * gradient(segment, chunk.start + 4u * i, before);
    let v1 = params.momentum * v0 - g;
    let change = select(v1, params.momentum * v1 - g, vec4<bool>(params.nesterov != 0u));
    let after = before + change;
    let sound = are_finite(v1) & are_finite(after);
    let w = clipped_vec4(segment, step.clip_scale, after);
    let inside = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(size);
    let taken = inside & sound;
    v[at + i] = select(v0, v1, taken);
    weight[at + i] = select(before, w, taken);
    most = max(most, select(vec4<f32>(0.0), select(vec4<f32>(infinity(i)), abs(w), sound), inside));
  }
  let top = workgroup_max(max(max(most.x, most.y), max(most.z, most.w)), lane, SIZE);
  if lane == 0u {
    maxima[params.first_chunk + index] = top;
  }
}
