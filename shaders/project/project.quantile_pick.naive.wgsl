// The next eight bits of the quantile of each tensor: the digit in whose count the rank falls. Clears the histogram for
// the next digit. One invocation owns one tensor. quantiles: the value of the bits found so far; the quantile itself once
// shift 0 is done. Grid: ceil(tensors / 64).
struct Params { tensors: u32, shift: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> search: array<u32>;
@group(0) @binding(2) var<storage, read_write> histogram: array<u32>;
@group(0) @binding(3) var<storage, read_write> quantiles: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let tensor = id.x;
  if tensor >= params.tensors {
    return;
  }
  var rank = search[2u * tensor + 1u];
  var digit = 0u;
  var found = false;
  for (var i = 0u; i < 256u; i++) {
    let n = histogram[256u * tensor + i];
    histogram[256u * tensor + i] = 0u;
    if !found {
      if rank < n {
        digit = i;
        found = true;
      } else {
        rank -= n;
      }
    }
  }
  let bits = search[2u * tensor] | (digit << params.shift);
  search[2u * tensor] = bits;
  search[2u * tensor + 1u] = rank;
  quantiles[tensor] = bitcast<f32>(bits);
}
