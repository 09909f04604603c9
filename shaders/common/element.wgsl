// Where an element of a map [n, height, width, channels] lies, or four channels of it.
struct Element { n: u32, y: u32, x: u32, channel: u32 }

fn element_of(i: u32, height: u32, width: u32, channels: u32) -> Element {
  let pixel = i / channels;
  return Element(pixel / (width * height), pixel / width % height, pixel % width, i % channels);
}
