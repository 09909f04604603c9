//! Drawings of lines, marks and text, as SVG and as PNG, with one layout for both: text is measured and drawn with a font
//! that is part of the program, so that a figure looks the same on a machine without fonts. [`axes`] and [`legend`] are
//! what plots share.

pub mod axes;
mod font;
pub mod legend;
mod png;
mod svg;

/// A colour, red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// Colours that people who see colours differently can tell apart (Okabe and Ito 2008), darkest background first: blue,
/// vermilion, bluish green, reddish purple, orange, sky blue, yellow, grey.
pub const PALETTE: [Color; 8] = [
    Color(0, 114, 178),
    Color(213, 94, 0),
    Color(0, 158, 115),
    Color(204, 121, 167),
    Color(230, 159, 0),
    Color(86, 180, 233),
    Color(190, 180, 40),
    Color(110, 110, 110),
];

impl Color {
    /// The colour of a share `part` of this one and the rest white.
    pub fn tint(self, part: f64) -> Color {
        let mix = |c: u8| (255.0 - (255.0 - f64::from(c)) * part.clamp(0.0, 1.0)).round() as u8;
        Color(mix(self.0), mix(self.1), mix(self.2))
    }

    /// As CSS and SVG write it.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// Text, axes.
pub const INK: Color = Color(34, 34, 34);

/// What is less important than the data.
pub const FAINT: Color = Color(120, 120, 120);

/// Grid lines.
pub const GRID: Color = Color(225, 225, 225);

/// White.
pub const PAPER: Color = Color(255, 255, 255);

/// Width of the line around a hollow mark.
const RIM: f64 = 1.8;

/// Which end of a text stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// Form of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle, point up.
    Triangle,
    /// A square on its corner.
    Diamond,
    /// A triangle, point down.
    Down,
    /// Two crossed bars.
    Cross,
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    #[default]
    Solid,
    /// Long dashes.
    Long,
    /// Short dashes.
    Short,
    /// Dashes and dots in turn.
    Dots,
}

impl Dash {
    /// Lengths of dashes and gaps in turn; none for a solid line.
    fn pattern(self) -> &'static [f32] {
        match self {
            Dash::Solid => &[],
            Dash::Long => &[9.0, 4.0],
            Dash::Short => &[3.0, 3.0],
            Dash::Dots => &[8.0, 3.0, 2.0, 3.0],
        }
    }
}

/// How a series is drawn: colour, form and dashes, so that it is told apart in grey too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colour of line and marks.
    pub color: Color,
    /// Form of the marks.
    pub mark: Mark,
    /// How the line is broken.
    pub dash: Dash,
}

impl Style {
    /// The style of series `i`; those of the first 24 differ, the first six in form too.
    pub fn of(i: usize) -> Style {
        let marks = [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond, Mark::Down, Mark::Cross];
        let dashes = [Dash::Solid, Dash::Long, Dash::Short, Dash::Dots];
        let (color, mark) = (PALETTE[i % PALETTE.len()], marks[i % marks.len()]);
        Style { color, mark, dash: dashes[i % dashes.len()] }
    }
}

impl Mark {
    /// Corners around `at` for a mark as large as a disc of this radius; none for the disc itself.
    fn corners(self, [x, y]: [f64; 2], radius: f64) -> Vec<[f64; 2]> {
        let r = radius;
        match self {
            Mark::Circle => vec![],
            Mark::Square => {
                let h = 0.89 * r;
                vec![[x - h, y - h], [x + h, y - h], [x + h, y + h], [x - h, y + h]]
            }
            Mark::Triangle => vec![[x, y - 1.3 * r], [x + 1.17 * r, y + 0.75 * r], [x - 1.17 * r, y + 0.75 * r]],
            Mark::Diamond => vec![[x, y - 1.25 * r], [x + 1.25 * r, y], [x, y + 1.25 * r], [x - 1.25 * r, y]],
            Mark::Down => vec![[x, y + 1.3 * r], [x - 1.17 * r, y - 0.75 * r], [x + 1.17 * r, y - 0.75 * r]],
            Mark::Cross => {
                // A plus sign, turned by 45 degrees.
                let (a, b) = (0.45 * r, 1.3 * r);
                let plus = [
                    [a, a],
                    [b, a],
                    [b, -a],
                    [a, -a],
                    [a, -b],
                    [-a, -b],
                    [-a, -a],
                    [-b, -a],
                    [-b, a],
                    [-a, a],
                    [-a, b],
                    [a, b],
                ];
                let s = std::f64::consts::FRAC_1_SQRT_2;
                plus.iter().map(|[u, v]| [x + s * (u - v), y + s * (u + v)]).collect()
            }
        }
    }
}

/// Something drawn. Positions in pixels from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Line { points: Vec<[f64; 2]>, width: f64, dash: Dash, color: Color },
    Area { points: Vec<[f64; 2]>, color: Color, opacity: f64 },
    Rect { at: [f64; 2], size: [f64; 2], color: Color },
    Mark { mark: Mark, at: [f64; 2], radius: f64, color: Color, hollow: bool },
    Text { text: String, at: [f64; 2], size: f64, anchor: Anchor, angle: f64, color: Color },
}

/// A figure on white.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Drawing {
    /// An empty figure.
    pub fn new(width: u32, height: u32) -> Drawing {
        Drawing { width: f64::from(width), height: f64::from(height), shapes: vec![] }
    }

    /// A line through points; nothing if they are all one.
    pub fn line(&mut self, points: &[[f64; 2]], width: f64, dash: Dash, color: Color) {
        if points.iter().all(|p| *p == points[0]) {
            return;
        }
        self.shapes.push(Shape::Line { points: points.to_vec(), width, dash, color });
    }

    /// The area within a line through points, which what lies below shines through unless `opacity` is 1.
    pub fn area(&mut self, points: &[[f64; 2]], color: Color, opacity: f64) {
        self.shapes.push(Shape::Area { points: points.to_vec(), color, opacity });
    }

    /// A filled rectangle from its upper left corner.
    pub fn rect(&mut self, at: [f64; 2], size: [f64; 2], color: Color) {
        self.shapes.push(Shape::Rect { at, size, color });
    }

    /// A filled mark with a white rim, so that marks that overlap can be told apart.
    pub fn mark(&mut self, mark: Mark, at: [f64; 2], radius: f64, color: Color) {
        self.shapes.push(Shape::Mark { mark, at, radius, color, hollow: false });
    }

    /// A mark that is white inside.
    pub fn hollow(&mut self, mark: Mark, at: [f64; 2], radius: f64, color: Color) {
        self.shapes.push(Shape::Mark { mark, at, radius, color, hollow: true });
    }

    /// Text whose base line passes through `at`.
    pub fn text(&mut self, text: impl Into<String>, at: [f64; 2], size: f64, anchor: Anchor, color: Color) {
        self.shapes.push(Shape::Text { text: text.into(), at, size, anchor, angle: 0.0, color });
    }

    /// Text turned by `angle` degrees, clockwise, around `at`.
    pub fn turned(
        &mut self,
        text: impl Into<String>,
        at: [f64; 2],
        size: f64,
        anchor: Anchor,
        angle: f64,
        color: Color,
    ) {
        self.shapes.push(Shape::Text { text: text.into(), at, size, anchor, angle, color });
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [f64; 2] {
        [self.width, self.height]
    }

    /// Width of a text in pixels.
    pub fn text_width(text: &str, size: f64) -> f64 {
        font::width(text, size)
    }

    /// The text, cut so that it is not wider than `most`.
    pub fn fit(text: &str, size: f64, most: f64) -> String {
        let mut text = text.to_owned();
        while Drawing::text_width(&text, size) > most && text.pop().is_some() {
            if Drawing::text_width(&format!("{text}…"), size) <= most {
                text.push('…');
                break;
            }
        }
        text
    }

    /// The figure as SVG. Text stays text.
    pub fn svg(&self) -> String {
        svg::write(self, 0.0)
    }

    /// What lies below `top`, as SVG.
    pub fn svg_below(&self, top: f64) -> String {
        svg::write(self, top)
    }

    /// The figure as PNG with `scale` times as many pixels in each direction.
    pub fn png(&self, scale: f64) -> Vec<u8> {
        png::write(self, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing() -> Drawing {
        let mut d = Drawing::new(80, 40);
        d.rect([0.0, 0.0], [40.0, 40.0], Color(200, 0, 0));
        d.line(&[[45.0, 5.0], [75.0, 5.0]], 2.0, Dash::Short, INK);
        for (i, color) in PALETTE[..6].iter().enumerate() {
            d.mark(Style::of(i).mark, [45.0 + 6.0 * i as f64, 20.0], 2.5, *color);
        }
        d.hollow(Mark::Circle, [76.0, 12.0], 2.5, INK);
        d.area(&[[42.0, 8.0], [50.0, 8.0], [50.0, 14.0], [42.0, 14.0]], INK, 0.25);
        d.text("a < b & \"c\"", [45.0, 35.0], 8.0, Anchor::Start, INK);
        d.turned("up", [10.0, 30.0], 10.0, Anchor::Middle, -90.0, PAPER);
        d
    }

    #[test]
    fn svg_has_a_shape_each_and_escapes_text() {
        let svg = drawing().svg();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<text ").count(), 2);
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"), "{svg}");
        assert_eq!(svg.matches("<polygon ").count(), 6, "five marks with corners and the area");
        assert_eq!(svg.matches("<circle ").count(), 2);
        assert_eq!(svg.matches("fill-opacity=\"0.25\"").count(), 1);
    }

    #[test]
    fn png_has_the_size_the_colours_and_the_text() {
        let bytes = drawing().png(2.0);
        assert_eq!(&bytes[1..4], b"PNG");
        let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((size(16), size(20)), (160, 80));
        let image = tiny_skia::Pixmap::decode_png(&bytes).unwrap();
        let pixel = |x, y| image.pixel(x, y).map(|p| (p.red(), p.green(), p.blue())).unwrap();
        assert_eq!(pixel(4, 4), (200, 0, 0));
        assert_eq!(pixel(158, 78), (255, 255, 255));
        // A quarter of the ink over white, and the hole of the ring.
        assert!((199..=201).contains(&pixel(92, 22).0) && pixel(152, 24) == (255, 255, 255));
        // Dark pixels of the letters in the lower right quarter.
        let dark = (90..160).flat_map(|x| (50..80).map(move |y| (x, y))).filter(|&(x, y)| pixel(x, y).0 < 100).count();
        assert!(dark > 50, "{dark}");
    }

    #[test]
    fn the_first_series_differ_in_grey_too() {
        let styles: Vec<Style> = (0..24).map(Style::of).collect();
        for (i, a) in styles.iter().enumerate() {
            assert!(styles[..i].iter().all(|b| (a.mark, a.dash, a.color) != (b.mark, b.dash, b.color)), "{i}");
            assert!(styles[i - i % 6..i].iter().all(|b| a.mark != b.mark), "{i}");
        }
    }

    #[test]
    fn text_is_as_wide_as_its_letters() {
        let width = |t: &str| Drawing::text_width(t, 12.0);
        assert_eq!(width(""), 0.0);
        assert!((width("conv2 conv2") - 2.0 * width("conv2") - width(" ")).abs() < 1e-9);
        assert!(width("WWW") > 2.0 * width("iii"));
        // A letter that the font lacks is drawn as a box, and has a width.
        assert!(width("漢") > 0.0);
    }
}
