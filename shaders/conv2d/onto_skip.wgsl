// What a convolution adds its outputs to: the map of the shortcut around a residual block, of the shape of y. The file around it says what its elements
// are, Skip, and what they are computed with, Value.
@group(0) @binding(9) var<storage, read> skip: array<Skip>;

fn onto(k: u32, v: Value) -> Value {
  return Value(skip[k]) + v;
}
