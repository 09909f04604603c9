//! What lines, marks and colours mean.

use super::axes::SMALL;
use super::{Anchor, Color, Dash, Drawing, INK, Mark};

/// How a thing is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Symbol {
    /// An area.
    Swatch,
    /// A mark alone.
    Mark(Mark),
    /// A mark that is white inside.
    Hollow(Mark),
    /// A line with marks on it.
    Line(Dash, Mark),
    /// A line alone.
    Plain(Dash),
}

impl Symbol {
    fn width(self) -> f64 {
        match self {
            Symbol::Swatch | Symbol::Mark(_) | Symbol::Hollow(_) => 10.0,
            Symbol::Line(..) | Symbol::Plain(_) => 34.0,
        }
    }
}

/// An entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// How the thing is drawn.
    pub symbol: Symbol,
    /// Its colour.
    pub color: Color,
    /// What it is.
    pub text: String,
}

/// Height of a line of a legend.
const LINE: f64 = 20.0;

/// Between two entries.
const GAP: f64 = 16.0;

/// The entries in lines no wider than `width`: for each its line and where it begins.
fn places(keys: &[Key], width: f64) -> Vec<(usize, f64)> {
    let (mut line, mut x) = (0, 0.0);
    keys.iter()
        .map(|key| {
            let own = key.symbol.width() + 4.0 + Drawing::text_width(&key.text, SMALL);
            if x > 0.0 && x + own > width {
                (line, x) = (line + 1, 0.0);
            }
            let place = (line, x);
            x += own + GAP;
            place
        })
        .collect()
}

/// Height of a legend whose lines are no wider than `width`.
pub fn height(keys: &[Key], width: f64) -> f64 {
    places(keys, width).last().map_or(0.0, |(line, _)| (line + 1) as f64 * LINE)
}

/// Draws entries in at most `lines` lines from the upper left corner `at` to `right`; what has no room is left out.
pub fn draw(d: &mut Drawing, keys: &[Key], [left, top]: [f64; 2], right: f64, lines: usize) {
    for (key, (line, x)) in keys.iter().zip(places(keys, right - left)).filter(|(_, (line, _))| *line < lines) {
        let (x, y) = (left + x, top + line as f64 * LINE + 9.0);
        let w = key.symbol.width();
        let middle = [x + w / 2.0, y];
        match key.symbol {
            Symbol::Swatch => d.rect([x, y - 5.0], [10.0, 10.0], key.color),
            Symbol::Mark(mark) => d.mark(mark, middle, 5.0, key.color),
            Symbol::Hollow(mark) => d.hollow(mark, middle, 4.5, key.color),
            Symbol::Line(dash, mark) => {
                d.line(&[[x, y], [x + w, y]], 2.0, dash, key.color);
                d.mark(mark, middle, 4.5, key.color);
            }
            Symbol::Plain(dash) => d.line(&[[x, y], [x + w, y]], 2.0, dash, key.color),
        }
        d.text(key.text.as_str(), [x + w + 4.0, y + 4.5], SMALL, Anchor::Start, INK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_without_room_begin_a_new_line_and_the_height_says_so() {
        let key = |text: &str| Key { symbol: Symbol::Swatch, color: INK, text: text.into() };
        let keys: Vec<Key> = ["one", "two", "three", "four"].map(key).to_vec();
        let lines = |width| places(&keys, width).iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(lines(1000.0), [0, 0, 0, 0]);
        assert_eq!(lines(10.0), [0, 1, 2, 3]);
        assert_eq!((height(&keys, 1000.0), height(&keys, 10.0), height(&[], 10.0)), (LINE, 4.0 * LINE, 0.0));
        let mut d = Drawing::new(100, 100);
        draw(&mut d, &keys, [0.0, 0.0], 10.0, 2);
        assert_eq!(d.svg().matches("<text ").count(), 2);
    }
}
