// sum = the gradient of every parameter tensor, added up from its partial sums as an update would: in their order.
// One workgroup owns one chunk (common/parameters.wgsl), one invocation one element at a time.
// sum: flat, from element `base` on, zeros between tensors; grad: from `grad_base` on. fours: for the updates.
// Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/parameters.wgsl
// include optimizer/gradient.wgsl
const SIZE: u32 = 256u; // knob 64 128 256

struct Params { first_chunk: u32, chunks: u32, base: u32, grad_base: u32, fours: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(3) var<storage, read> grad: array<f32>;
@group(0) @binding(4) var<storage, read_write> sum: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  if index >= params.chunks {
    return;
  }
  let chunk = chunks[params.first_chunk + index];
  let segment = segments[chunk.segment];
  let size = min(CHUNK, segment.len - chunk.start);
  let at = segment.offset + chunk.start - params.base;
  for (var i = lane; i < (size + 63u) / 64u * 64u; i += SIZE) {
    var v = 0.0;
    if i < size {
      v = gradient(segment, chunk.start + i);
    }
    sum[at + i] = v;
  }
}
