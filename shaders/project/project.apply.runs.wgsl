// As project.apply.naive, but each eight invocations walk through consecutive elements (run_of in
// common/parameters.wgsl). Gains on lavapipe: half the time under None, where memory is all that counts.
// Grid: one workgroup per chunk of the window, in rows.
// include project/apply.wgsl
const SIZE: u32 = 64u; // knob 64 128 256
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(4) var<storage, read> projections: array<Projection>;
@group(0) @binding(5) var<storage, read> alphas: array<f32>;
@group(0) @binding(6) var<storage, read> quantiles: array<f32>;
@group(0) @binding(7) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> projected: array<vec4<f32>>;

fn fours_of(lane: u32, padded: u32) -> vec3<u32> {
  return vec3<u32>(run_of(lane, SIZE, padded), 8u);
}
