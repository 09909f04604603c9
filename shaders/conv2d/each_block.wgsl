// The entry point of conv2d.forward.naive and winograd.multiply.naive where they take the moments of y besides: moments[b, 0] = mean, moments[b, 1] = sum of
// (y - mean)^2 per channel over the pixels 64 b .. 64 b + 63, as far as there are: what batchnorm.partial leaves for
// batchnorm.combine. The second pass also measures by how much the rounded mean is off and corrects both (Chan, Golub,
// LeVeque 1983). A workgroup owns one channel of one block, each invocation one output, the first the moments. The file around it
// binds y and gives `output(pixel, channel, split)`.
@group(0) @binding(5) var<storage, read_write> moments: array<f32>; // [ceil(n oh ow / 64), 2, groups, c_out]

var<workgroup> block: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count);
  let pixels = params.n * params.oh * params.ow;
  let channels = params.groups * params.c_out;
  let b = i / channels;
  let co = i % channels;
  let p = b * 64u + lane;
  if p < pixels {
    let stored = Y(onto(p * channels + co, output(p, co, 0u))); // the moments are those of what lies in y
    y[p * channels + co] = stored;
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
    moments[2u * b * channels + co] = mean + off / f32(rows);
    moments[(2u * b + 1u) * channels + co] = max(squares - off * off / f32(rows), 0.0);
  }
}
