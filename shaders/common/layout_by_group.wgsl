// Where the rows of one group of an array [rows, groups, part], of `part` texels, lie in a texture that holds it group by group
// (Layout::ByGroup in src/plan/layout.rs): 16 rows to a row of the texture, an odd number of cache lines apart.

// Texels from one row to the next; the column of the texel in the first row, and the row of the texture.
struct Layout { pitch: u32, x: u32, y: u32 }

// Of texel c of the rows of a group.
fn layout_of(rows: u32, groups: u32, part: u32, group: u32, c: u32) -> Layout {
  return Layout(4u * ((part + 3u) / 4u | 1u), c, group * ((rows + 15u) / 16u));
}

// Where it lies of a row; of the first one where there is none.
fn texel_of(l: Layout, row: u32, there: bool) -> vec2<u32> {
  let r = select(0u, row, there);
  return vec2<u32>(r % 16u * l.pitch + l.x, l.y + r / 16u);
}
