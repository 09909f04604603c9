// Starts the search for a quantile of |w|: the element of the rank that `projections` names of each tensor, by its bits,
// eight at a time from the top (the bits of a float >= 0 are ordered as its values). One invocation owns one tensor.
// search: per tensor the bits found so far and the rank among the elements that begin with them.
// histogram: 256 counts per tensor. Grid: ceil(tensors / 64).
// include common/parameters.wgsl
struct Params { tensors: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> projections: array<Projection>;
@group(0) @binding(2) var<storage, read_write> search: array<u32>;
@group(0) @binding(3) var<storage, read_write> histogram: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let tensor = id.x;
  if tensor >= params.tensors {
    return;
  }
  search[2u * tensor] = 0u;
  search[2u * tensor + 1u] = projections[tensor].rank;
  for (var i = 0u; i < 256u; i++) {
    histogram[256u * tensor + i] = 0u;
  }
}
