//! The font: widths and outlines of letters.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Letters, digits and signs of DejaVu Sans; `font/LICENSE` beside it.
static SANS: LazyLock<Face> = LazyLock::new(|| {
    Face::parse(include_bytes!("font/DejaVuSans-subset.ttf"), 0).expect("a test draws with the embedded font")
});

/// The letters of a text with their positions along the base line, and the whole width, in pixels.
fn letters(text: &str, size: f64) -> (Vec<(GlyphId, f64)>, f64) {
    let unit = size / f64::from(SANS.units_per_em());
    let (mut x, mut out) = (0.0, vec![]);
    for c in text.chars() {
        let glyph = SANS.glyph_index(c).unwrap_or(GlyphId(0));
        out.push((glyph, x));
        x += f64::from(SANS.glyph_hor_advance(glyph).unwrap_or(0)) * unit;
    }
    (out, x)
}

pub(super) fn width(text: &str, size: f64) -> f64 {
    letters(text, size).1
}

/// The outlines of a text whose base line begins at (0, 0), y down.
pub(super) fn outline(text: &str, size: f64) -> Option<tiny_skia::Path> {
    let unit = size / f64::from(SANS.units_per_em());
    let mut path = tiny_skia::PathBuilder::new();
    for (glyph, x) in letters(text, size).0 {
        SANS.outline_glyph(glyph, &mut Pen { path: &mut path, x, unit });
    }
    path.finish()
}

struct Pen<'a> {
    path: &'a mut tiny_skia::PathBuilder,
    x: f64,
    unit: f64,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        ((self.x + f64::from(x) * self.unit) as f32, (-f64::from(y) * self.unit) as f32)
    }
}

impl OutlineBuilder for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
