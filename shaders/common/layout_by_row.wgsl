// Where the rows of one group of an array [rows, groups, part], of `part` texels, lie in a texture that holds it from the first texel to the
// last (common/layout_by_group.wgsl has the same functions).
// include common/texels.wgsl

// Texels from one row to the next; the texel in the first row.
struct Layout { pitch: u32, first: u32 }

// Of texel c of the rows of a group.
fn layout_of(rows: u32, groups: u32, part: u32, group: u32, c: u32) -> Layout {
  return Layout(groups * part, group * part + c);
}

// Which texel it is of a row; the first of all where there is none.
fn index_of(l: Layout, row: u32, there: bool) -> u32 {
  return select(0u, row * l.pitch + l.first, there);
}

// Where that lies.
fn texel_of(l: Layout, row: u32, there: bool) -> vec2<u32> {
  return texel(index_of(l, row, there));
}
