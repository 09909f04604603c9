// Two sums over the rows of a workgroup of 256 invocations, of four channels each: 8 lanes side by side are a row, so there are 32.
// Each invocation leaves what it has in part[lane] and other[lane]; behind add_rows the sums stand in the first row, 0 .. 7.
// Call it in uniform control flow.
var<workgroup> part: array<vec4<f32>, 256>;
var<workgroup> other: array<vec4<f32>, 256>;

// Adds the 32 rows of part and of other into their first rows, halving: a fixed order.
fn add_rows(lane: u32) {
  for (var half = 128u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if lane < half {
      part[lane] += part[lane + half];
      other[lane] += other[lane + half];
    }
  }
  workgroupBarrier();
}

// Four channels of a group of rows, for an invocation of such a workgroup; every lane reaches every barrier, also one whose channels
// are not inside.
struct Strip { group: u32, channel: u32, inside: bool, row: u32 }

fn strip_of(workgroup: u32, lane: u32, quads: u32) -> Strip {
  let strips = (quads + 7u) / 8u;
  let channel = workgroup % strips * 8u + lane % 8u;
  return Strip(workgroup / strips, channel, channel < quads, lane / 8u);
}
