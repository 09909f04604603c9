// alphas = the mean |w| of each filter, `share` times the sum of its parts, or the largest where `share` is 0, for the
// tensors that project.partial read. A tensor with one alpha is one filter. One workgroup owns one tensor, one invocation
// every SIZE-th filter; of one filter every SIZE-th part. Grid: one workgroup per tensor, in rows.
// include common/grid.wgsl
// include common/parameters.wgsl
// include project/parts.wgsl
const SIZE: u32 = 256u;

struct Params { tensors: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> projections: array<Projection>;
@group(0) @binding(3) var<storage, read> partials: array<f32>;
@group(0) @binding(4) var<storage, read_write> alphas: array<f32>;

var<workgroup> of_lanes: array<f32, SIZE>;

// Every step-th part from `first` on, below `end`.
fn join(projection: Projection, first: u32, end: u32, step: u32) -> f32 {
  var whole = 0.0;
  for (var i = first; i < end; i += step) {
    whole = joined(projection, whole, partials[projection.partials + i]);
  }
  return whole;
}

fn alpha(projection: Projection, whole: f32) -> f32 {
  return select(whole * projection.share, whole, projection.share == 0.0);
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tensor = linear_workgroup(wid, count);
  if tensor >= params.tensors {
    return;
  }
  let projection = projections[tensor];
  if projection.alpha < params.tensors {
    return;
  }
  let all = parts_of(segments[tensor], projection) * projection.filters;
  if projection.filters > 1u {
    for (var f = lane; f < projection.filters; f += SIZE) {
      alphas[projection.alpha + f] = alpha(projection, join(projection, f, all, projection.filters));
    }
    return;
  }
  of_lanes[lane] = join(projection, lane, all, SIZE);
  workgroupBarrier();
  if lane == 0u {
    var whole = 0.0;
    for (var i = 0u; i < SIZE; i++) {
      whole = joined(projection, whole, of_lanes[i]);
    }
    alphas[projection.alpha] = alpha(projection, whole);
  }
}
