//! A drawing as SVG.

use std::fmt::Write;

use super::{Anchor, Color, Drawing, Shape};

pub(super) fn write(d: &Drawing) -> String {
    let (w, h) = (d.width, d.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n"
    );
    for shape in &d.shapes {
        out += &element(shape);
        out.push('\n');
    }
    out + "</svg>\n"
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Line { points, width, dash, color } => {
            let dash = dash.map_or(String::new(), |d| format!(" stroke-dasharray=\"{d}\""));
            let (points, color) = (list(points), hex(*color));
            format!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{dash}/>")
        }
        Shape::Rect { at: [x, y], size: [w, h], color } => {
            let (x, y, w, h, fill) = (number(*x), number(*y), number(*w), number(*h), hex(*color));
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\"/>")
        }
        Shape::Mark { mark, at, radius, color } => {
            let style = format!("fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"1\"", hex(*color));
            let corners = mark.corners(*at, *radius);
            if corners.is_empty() {
                let (x, y, r) = (number(at[0]), number(at[1]), number(*radius));
                return format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" {style}/>");
            }
            format!("<polygon points=\"{}\" {style}/>", list(&corners))
        }
        Shape::Text { text, at: [x, y], size, anchor, angle, color } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let (x, y) = (number(*x), number(*y));
            let turn = if *angle == 0.0 { String::new() } else { format!(" transform=\"rotate({angle} {x} {y})\"") };
            let (fill, text) = (hex(*color), escape(text));
            format!(
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{fill}\"{turn}>{text}</text>"
            )
        }
    }
}

fn hex(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A position to a hundredth of a pixel.
fn number(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

fn list(points: &[[f64; 2]]) -> String {
    let mut out = String::new();
    for [x, y] in points {
        let _ = write!(out, "{}{},{}", if out.is_empty() { "" } else { " " }, number(*x), number(*y));
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
