//! Where the texels of an array lie in a texture.

use serde::{Deserialize, Serialize};

/// Width of a texture that holds an array from the first texel to the last.
pub const TEXELS_PER_ROW: usize = 4096;

/// Rows of an array in a row of a texture that holds it group by group.
const ROWS_ABREAST: usize = 16;

/// How the texels of an array, four elements each, lie in a texture. The shaders that read them have the same rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// One after the other: texel `i` at `(i % 4096, i / 4096)` (`shaders/common/texels.wgsl`).
    InOrder,
    /// An array `[rows, groups, part]`, of `part` texels, group by group (`shaders/common/layout_by_group.wgsl`): 16 rows of a group to a
    /// row of the texture. From one to the next it is an odd number of cache lines (of 64 bytes, in f32), so that a kernel that walks down
    /// the rows finds them in all sets of a cache: rows that are a power of two apart fall into few of them.
    ByGroup {
        /// Groups of channels.
        groups: usize,
        /// Texels that a group has in a row.
        part: usize,
    },
}

/// A rectangle of a texture, in texels, and where in the array it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// Its first texel in the array.
    pub from: usize,
    /// Texels of the array from one of its rows to the next.
    pub stride: usize,
    /// Its left column.
    pub x: usize,
    /// Its upper row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Layout {
    /// Columns of the texture.
    pub fn width(self) -> usize {
        match self {
            Layout::InOrder => TEXELS_PER_ROW,
            Layout::ByGroup { part, .. } => ROWS_ABREAST * pitch(part),
        }
    }

    /// Rows of the texture, for an array of so many elements.
    pub fn height(self, len: usize) -> usize {
        match self {
            Layout::InOrder => len.div_ceil(4 * TEXELS_PER_ROW),
            Layout::ByGroup { groups, part } => groups * len.div_ceil(4 * groups * part).div_ceil(ROWS_ABREAST),
        }
    }

    /// The rectangles that together hold an array of so many elements.
    pub fn rectangles(self, len: usize) -> Vec<Rectangle> {
        let texels = len / 4;
        let all = match self {
            Layout::InOrder => {
                let (rows, rest) = (texels / TEXELS_PER_ROW, texels % TEXELS_PER_ROW);
                let part = |y, width, height| Rectangle {
                    from: y * TEXELS_PER_ROW,
                    stride: TEXELS_PER_ROW,
                    x: 0,
                    y,
                    width,
                    height,
                };
                vec![part(0, TEXELS_PER_ROW, rows), part(rows, rest, usize::from(rest > 0))]
            }
            Layout::ByGroup { groups, part } => {
                let rows = texels / (groups * part);
                let of = |group: usize, first: usize| Rectangle {
                    from: (first * groups + group) * part,
                    stride: ROWS_ABREAST * groups * part,
                    x: first * pitch(part),
                    y: group * rows.div_ceil(ROWS_ABREAST),
                    width: part,
                    height: (rows - first).div_ceil(ROWS_ABREAST),
                };
                (0..groups).flat_map(|group| (0..ROWS_ABREAST.min(rows)).map(move |first| of(group, first))).collect()
            }
        };
        all.into_iter().filter(|r| r.height > 0).collect()
    }
}

/// Texels from one row of a group to the next.
fn pitch(part: usize) -> usize {
    4 * (part.div_ceil(4) | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texels of an array, each where its layout puts it.
    fn placed(layout: Layout, texels: usize) -> Vec<[usize; 2]> {
        let mut at = vec![None; texels];
        for r in layout.rectangles(4 * texels) {
            for (y, x) in (0..r.height).flat_map(|y| (0..r.width).map(move |x| (y, x))) {
                let old = at[r.from + y * r.stride + x].replace([r.x + x, r.y + y]);
                assert_eq!(old, None, "{layout:?}: a texel is copied twice");
            }
        }
        at.into_iter().map(|place| place.expect("every texel is copied")).collect()
    }

    #[test]
    fn rectangles_put_every_texel_where_shaders_look_for_it() {
        for texels in [1, TEXELS_PER_ROW, 2 * TEXELS_PER_ROW + 17] {
            let in_order: Vec<_> = (0..texels).map(|i| [i & 4095, i >> 12]).collect();
            assert_eq!(placed(Layout::InOrder, texels), in_order);
        }
        let cases: [[usize; 4]; 5] = [[1, 2, 4, 4], [5, 1, 64, 68], [16, 2, 1, 4], [45, 3, 12, 12], [83, 2, 32, 36]];
        for [rows, groups, part, pitch] in cases {
            let layout = Layout::ByGroup { groups, part };
            let place = |i| {
                let (row, group, c) = (i / (groups * part), i / part % groups, i % part);
                [row % 16 * pitch + c, group * rows.div_ceil(16) + row / 16]
            };
            let texels = rows * groups * part;
            let at = placed(layout, texels);
            assert_eq!(at, (0..texels).map(place).collect::<Vec<_>>(), "{layout:?}");
            assert!(at.iter().all(|[x, y]| *x < layout.width() && *y < layout.height(4 * texels)), "{layout:?}");
        }
    }
}
