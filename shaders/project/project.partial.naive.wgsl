// partials = the sum of |weight|, or the largest, over a part of a filter (project/parts.wgsl), for the tensors whose row of
// `projections` asks for an alpha other than the largest |w| of the tensor. One invocation owns one part: those of a tensor
// begin at `projection.partials`, part p of filter f is number p filters + f. A window adds to what the windows before it
// left, in the order of the weights, so that windows change no bit.
// weight: flat, the elements from `base` to below `end`. Grid: ceil(most / SIZE) workgroups per tensor, in rows;
// `most`: parts of the tensor that has most.
// include common/grid.wgsl
// include common/parameters.wgsl
// include project/parts.wgsl
const SIZE: u32 = 64u; // knob 64 128 256

struct Params { tensors: u32, most: u32, base: u32, end: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> projections: array<Projection>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  let groups = (params.most + SIZE - 1u) / SIZE;
  let tensor = index / groups;
  if tensor >= params.tensors {
    return;
  }
  let segment = segments[tensor];
  let projection = projections[tensor];
  let own = index % groups * SIZE + lane;
  let parts = parts_of(segment, projection);
  let outside = params.end <= segment.offset || segment.offset + segment.len <= params.base;
  if outside || projection.alpha < params.tensors || own >= parts * projection.filters {
    return;
  }
  // The window's part of the tensor: from `first` to below `last`.
  let first = max(params.base, segment.offset) - segment.offset;
  let last = min(params.end - segment.offset, segment.len);
  // Weights of a filter lie side by side, or one in each run of all filters.
  let apart = select(1u, projection.filters, projection.stride == 1u);
  let origin = own % projection.filters * projection.stride;
  let step = parts * apart;
  var e = origin + own / projection.filters * apart;
  if e < first {
    e += (first - e + step - 1u) / step * step;
  }
  let end = min(last, origin + weights_of(segment, projection) * apart);
  let at = projection.partials + own;
  var part = 0.0;
  if first > 0u {
    part = partials[at];
  }
  for (; e < end; e += step) {
    part = joined(projection, part, abs(weight[segment.offset + e - params.base]));
  }
  partials[at] = part;
}
