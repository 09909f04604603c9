// The entry point of the variants `pointwise`: a matrix of pixels x depth() times one of depth() x breadth(), in each group. A workgroup owns
// 8 pixels x 8 columns, an invocation one column of them; pixels are read at addresses that all invocations share, each weight once for 8 pixels. The file
// around it gives depth() and breadth(), element i of the left matrix, the weight of term k for a column of a group, and stores element i of the result.
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let pixels = params.n * params.oh * params.ow;
  let first = (wid.z * count.y + wid.y) * 8u;
  let across = (breadth() + 7u) / 8u;
  let group = select(wid.x / across, 0u, params.groups == 1u); // a constant for one
  let column = (wid.x - group * across) * 8u + lane;
  let own = min(column, breadth() - 1u);
  // Behind the last pixel: that one again.
  let p = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(pixels - 1u));
  let q = min(vec4<u32>(first) + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(pixels - 1u));
  let from_p = (p * params.groups + group) * depth();
  let from_q = (q * params.groups + group) * depth();
  var a = vec4<f32>(0.0);
  var b = vec4<f32>(0.0);
  for (var k = 0u; k < depth(); k++) {
    let weight = vec4<f32>(weight_of(group, k, own));
    a = fma(vec4<f32>(value(from_p.x + k), value(from_p.y + k), value(from_p.z + k), value(from_p.w + k)), weight, a);
    b = fma(vec4<f32>(value(from_q.x + k), value(from_q.y + k), value(from_q.z + k), value(from_q.w + k)), weight, b);
  }
  if column >= breadth() || first >= pixels {
    return;
  }
  let to_p = (p * params.groups + group) * breadth() + column;
  let to_q = (q * params.groups + group) * breadth() + column;
  store(to_p.x, a.x);
  if first + 1u < pixels { store(to_p.y, a.y); }
  if first + 2u < pixels { store(to_p.z, a.z); }
  if first + 3u < pixels { store(to_p.w, a.w); }
  if first + 4u < pixels { store(to_q.x, b.x); }
  if first + 5u < pixels { store(to_q.y, b.y); }
  if first + 6u < pixels { store(to_q.z, b.z); }
  if first + 7u < pixels { store(to_q.w, b.w); }
}
