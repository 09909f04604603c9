// y[0] = 1: as good as nothing, so that what is left is the cost of a dispatch, and of the barrier before it where the
// dispatch before wrote y as well.
// Grid: one workgroup of one invocation.
@group(0) @binding(0) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(1)
fn main() {
  y[0] = 1.0;
}
