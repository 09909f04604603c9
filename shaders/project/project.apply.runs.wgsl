// As project.apply.naive, but each eight invocations walk through consecutive elements (run_of in
// common/parameters.wgsl). Gains on lavapipe: half the time under None, where memory is all that counts.
// Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/step.wgsl
// include common/parameters.wgsl
// include project/kinds.wgsl
const SIZE: u32 = 64u; // knob 64 128 256

struct Params { first_chunk: u32, chunks: u32, base: u32, kinds: u32, draws: u32 }
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(4) var<storage, read> projections: array<Projection>;
@group(0) @binding(5) var<storage, read> alphas: array<f32>;
@group(0) @binding(6) var<storage, read> quantiles: array<f32>;
@group(0) @binding(7) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> projected: array<vec4<f32>>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  if index >= params.chunks {
    return;
  }
  let chunk = chunks[params.first_chunk + index];
  let segment = segments[chunk.segment];
  let projection = projections[chunk.segment];
  var c: Context;
  c.alpha = alphas[chunk.segment];
  c.quantile = quantiles[chunk.segment];
  c.beta_u = step.beta_u;
  c.p0 = projection.p0;
  c.p1 = projection.p1;
  c.p2 = projection.p2;
  let layer = segment.layer + (projection.first_draw << 16u);
  let key = stream_key(step.seed_lo, step.seed_hi, STREAM_PROJECTION);
  let size = min(CHUNK, segment.len - chunk.start);
  let padded = (size + 63u) / 64u * 16u; // in fours
  let at = (segment.offset + chunk.start - params.base) / 4u;
  let run = run_of(lane, SIZE, padded);
  for (var i = run.x; i < run.y; i += 8u) {
    let counter = vec4<u32>(chunk.start / 4u + i, layer, step.step_lo, step.step_hi);
    draw(&c, params.draws, counter, key);
    let p = project(projection.kind, weight[at + i], c);
    let e = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    projected[at + i] = select(vec4<f32>(0.0), p, e < vec4<u32>(size));
  }
}
