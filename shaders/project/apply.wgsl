// The entry point of project.apply. The file around it binds the arrays, says which of the fours of a chunk are those of an
// invocation (`fours_of`: the first, the end and the step), and may have put common/mul_wide.wgsl in the place of
// common/mul_hi_lo.wgsl.
// include common/grid.wgsl
// include common/step.wgsl
// include common/parameters.wgsl
// include project/kinds.wgsl
// kinds, draws: bits of the kinds that the table may hold, and of the random numbers that these need.
// statistics: 1 if a tensor's alpha may be another than its largest |w|.
struct Params { first_chunk: u32, chunks: u32, base: u32, kinds: u32, draws: u32, statistics: u32 }

// alpha of four weights of a tensor, those of their filters.
fn alphas_of(projection: Projection, e: vec4<u32>) -> vec4<f32> {
  let at = projection.alpha + e / projection.stride % projection.filters;
  return vec4<f32>(alphas[at.x], alphas[at.y], alphas[at.z], alphas[at.w]);
}

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
  c.alpha = vec4<f32>(alphas[projection.alpha]);
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
  let own = fours_of(lane, padded);
  for (var i = own.x; i < own.y; i += own.z) {
    let counter = vec4<u32>(chunk.start / 4u + i, layer, step.step_lo, step.step_hi);
    draw(&c, params.draws, counter, key);
    let e = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    if params.statistics != 0u {
      c.alpha = alphas_of(projection, chunk.start + e);
    }
    let p = project(projection.kind, weight[at + i], c);
    projected[at + i] = select(vec4<f32>(0.0), p, e < vec4<u32>(size));
  }
}
