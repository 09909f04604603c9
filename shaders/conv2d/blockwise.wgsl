// The entry point of the naive variants of kernels that leave y, [pixels, c_out], and the moments of its blocks. The file around it
// binds y and partial, and gives `output(pixel, channel)`.
var<workgroup> block: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count);
  let pixels = params.n * params.oh * params.ow;
  let b = i / params.c_out;
  let co = i % params.c_out;
  let p = b * 64u + lane;
  if p < pixels {
    let stored = Y(output(p, co)); // the moments are those of what lies in y
    y[p * params.c_out + co] = stored;
    block[lane] = f32(stored);
  }
  workgroupBarrier();
  if lane == 0u && p < pixels {
    let rows = min(pixels - p, 64u);
    var sum = 0.0;
    for (var r = 0u; r < rows; r++) {
      sum += block[r];
    }
    let mean = sum / f32(rows);
    var off = 0.0;
    var squares = 0.0;
    for (var r = 0u; r < rows; r++) {
      let d = block[r] - mean;
      off += d;
      squares = fma(d, d, squares);
    }
    partial[2u * b * params.c_out + co] = mean + off / f32(rows);
    partial[(2u * b + 1u) * params.c_out + co] = max(squares - off * off / f32(rows), 0.0);
  }
}
