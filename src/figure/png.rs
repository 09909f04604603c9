//! A drawing as PNG.

use tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

use super::{Anchor, Color, Drawing, PAPER, RIM, Shape, font};

pub(super) fn write(d: &Drawing, scale: f64) -> Vec<u8> {
    let side = |v: f64| (v * scale).round().max(1.0) as u32;
    let mut image = Pixmap::new(side(d.width), side(d.height)).expect("a figure has a sensible size");
    image.fill(tiny_skia::Color::WHITE);
    let whole = Transform::from_scale(scale as f32, scale as f32);
    for shape in &d.shapes {
        draw(&mut image, shape, whole);
    }
    image.encode_png().expect("an image in memory can be encoded")
}

fn paint(Color(r, g, b): Color) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, 255);
    paint
}

fn path(points: &[[f64; 2]], close: bool) -> Option<tiny_skia::Path> {
    let mut builder = PathBuilder::new();
    for (i, [x, y]) in points.iter().enumerate() {
        match i {
            0 => builder.move_to(*x as f32, *y as f32),
            _ => builder.line_to(*x as f32, *y as f32),
        }
    }
    if close {
        builder.close();
    }
    builder.finish()
}

fn draw(image: &mut Pixmap, shape: &Shape, whole: Transform) {
    match shape {
        Shape::Line { points, width, dash, color } => {
            let dash = StrokeDash::new(dash.pattern().to_vec(), 0.0);
            let stroke = Stroke { width: *width as f32, dash, ..Stroke::default() };
            if let Some(path) = path(points, false) {
                image.stroke_path(&path, &paint(*color), &stroke, whole, None);
            }
        }
        Shape::Area { points, color, opacity } => {
            let mut paint = paint(*color);
            paint.set_color_rgba8(color.0, color.1, color.2, (255.0 * opacity).round() as u8);
            if let Some(path) = path(points, true) {
                image.fill_path(&path, &paint, FillRule::Winding, whole, None);
            }
        }
        Shape::Rect { at, size, color } => {
            if let Some(rect) = Rect::from_xywh(at[0] as f32, at[1] as f32, size[0] as f32, size[1] as f32) {
                image.fill_rect(rect, &paint(*color), whole, None);
            }
        }
        Shape::Mark { mark, at, radius, color, hollow } => {
            let corners = mark.corners(*at, *radius);
            let path = match corners.is_empty() {
                true => PathBuilder::from_circle(at[0] as f32, at[1] as f32, *radius as f32),
                false => path(&corners, true),
            };
            if let Some(path) = path {
                let (fill, rim, width) = if *hollow { (PAPER, *color, RIM) } else { (*color, PAPER, 1.0) };
                image.fill_path(&path, &paint(fill), FillRule::Winding, whole, None);
                let stroke = Stroke { width: width as f32, ..Stroke::default() };
                image.stroke_path(&path, &paint(rim), &stroke, whole, None);
            }
        }
        Shape::Text { text, at, size, anchor, angle, color } => {
            let shift = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => -0.5,
                Anchor::End => -1.0,
            };
            let x = shift * font::width(text, *size);
            let place = whole
                .pre_concat(Transform::from_translate(at[0] as f32, at[1] as f32))
                .pre_concat(Transform::from_rotate(*angle as f32))
                .pre_concat(Transform::from_translate(x as f32, 0.0));
            if let Some(path) = font::outline(text, *size) {
                image.fill_path(&path, &paint(*color), FillRule::Winding, place, None);
            }
        }
    }
}
