// projected = f(weight) for every parameter tensor of a network; f is data: a row of `projections` per tensor.
// One workgroup owns one chunk (common/parameters.wgsl), one invocation four consecutive elements at a time, the unit of
// Philox. alpha is the maximum of the tensor's `maxima`: exact in any order. Padding behind a tensor becomes 0.
// weight, projected: flat, from element `base` on. Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/step.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
// include project/sign.wgsl
// include project/round.wgsl
// include project/power.wgsl
// include project/stoch.wgsl
// include project/stochm.wgsl
// include project/stochm_literal.wgsl
// include project/stochm3.wgsl
// include project/addnorm.wgsl
// include project/multunif.wgsl
// include project/he_sign.wgsl
const SIZE: u32 = 256u; // knob 64 128 256
const STREAM_PROJECTION: u32 = 2u; // src/philox.rs

// kind: position in the table of kinds; bits 8.. say which draws it needs.
struct Projection { kind: u32, p0: f32, p1: f32, p2: f32 }
struct Params { first_chunk: u32, chunks: u32, base: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(4) var<storage, read> projections: array<Projection>;
@group(0) @binding(5) var<storage, read> maxima: array<f32>;
@group(0) @binding(6) var<storage, read> medians: array<f32>;
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
  var most = 0.0;
  for (var i = lane; i < segment.chunks; i += SIZE) {
    most = max(most, maxima[segment.first_chunk + i]);
  }
  var c: Context;
  c.alpha = workgroup_max(most, lane, SIZE);
  c.median = medians[chunk.segment];
  c.beta_u = step.beta_u;
  c.p0 = projection.p0;
  c.p1 = projection.p1;
  c.p2 = projection.p2;
  let key = stream_key(step.seed_lo, step.seed_hi, STREAM_PROJECTION);
  let size = min(CHUNK, segment.len - chunk.start);
  let padded = (size + 63u) / 64u * 16u; // in fours
  let at = (segment.offset + chunk.start - params.base) / 4u;
  for (var i = lane; i < padded; i += SIZE) {
    let counter = vec4<u32>(chunk.start / 4u + i, segment.layer, step.step_lo, step.step_hi);
    draw(&c, projection.kind >> 8u, counter, key);
    let w = weight[at + i];
    var p = w;
    switch projection.kind & 255u {
      case 1u: { p = project_sign(w, c); }
      case 2u: { p = project_round(w, c); }
      case 3u: { p = project_power(w, c); }
      case 4u: { p = project_stoch(w, c); }
      case 5u: { p = project_stochm(w, c); }
      case 6u: { p = project_stochm_literal(w, c); }
      case 7u: { p = project_stochm3(w, c); }
      case 8u: { p = project_addnorm(w, c); }
      case 9u: { p = project_multunif(w, c); }
      case 10u: { p = project_he_sign(w, c); }
      default: {}
    }
    let e = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    projected[at + i] = select(vec4<f32>(0.0), p, e < vec4<u32>(size));
  }
}
