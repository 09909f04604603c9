//! Where the arrays of a plan live on a device: in buffers, or in textures that shaders read as storage.

use super::adapter::Device;
use super::halves;
use crate::error::{Error, Result};
use crate::plan::{Elem, Format, Layout};

/// The format of a texture of such elements.
pub(super) fn texels(elem: Elem) -> wgpu::TextureFormat {
    match elem {
        Elem::F16 => wgpu::TextureFormat::Rgba16Float,
        Elem::F32 | Elem::U32 => wgpu::TextureFormat::Rgba32Float,
    }
}

/// Memory of one array.
#[derive(Clone)]
pub(super) enum Memory {
    Buffer(wgpu::Buffer),
    /// With the layout of the array in it.
    Texture(wgpu::Texture, Layout),
}

impl Memory {
    /// The buffer.
    ///
    /// # Panics
    /// If it is a texture: a bug of the caller.
    pub fn buffer(&self) -> &wgpu::Buffer {
        match self {
            Memory::Buffer(b) => b,
            Memory::Texture(..) => panic!("an array in a texture is bound as a buffer"),
        }
    }

    /// The texture and the layout in it. Panics as [`Memory::buffer`].
    pub fn texture(&self) -> (&wgpu::Texture, Layout) {
        match self {
            Memory::Texture(t, layout) => (t, *layout),
            Memory::Buffer(_) => panic!("an array in a buffer is bound as a texture"),
        }
    }

    /// The same memory for an array of another layout, if it is a texture.
    pub fn laid_out(self, layout: Option<Layout>) -> Memory {
        match (self, layout) {
            (Memory::Texture(texture, _), Some(layout)) => Memory::Texture(texture, layout),
            (memory, _) => memory,
        }
    }
}

/// A buffer of at least `bytes` for any use that a plan makes of it.
///
/// # Errors
/// Out of memory, with the size.
pub(super) fn buffer(device: &Device, scope: &str, bytes: usize) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::STORAGE
        | wgpu::BufferUsages::UNIFORM
        | wgpu::BufferUsages::COPY_DST
        | wgpu::BufferUsages::COPY_SRC;
    // Room for a whole 256-byte granule, so that the tail of four-wide views lies inside.
    let size = bytes.next_multiple_of(256).max(256) as u64;
    let desc = wgpu::BufferDescriptor { label: Some(scope), size, usage, mapped_at_creation: false };
    sized(device.scoped(scope, || device.device.create_buffer(&desc)), size)
}

/// A texture of at least `bytes`.
///
/// # Errors
/// Out of memory, with the size.
pub(super) fn texture(device: &Device, scope: &str, format: Format, bytes: usize) -> Result<wgpu::Texture> {
    let Format { elem, width } = format;
    let row = width * 4 * elem.bytes();
    let rows = bytes.div_ceil(row);
    let desc = wgpu::TextureDescriptor {
        label: Some(scope),
        size: wgpu::Extent3d { width: width as u32, height: rows as u32, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: texels(elem),
        usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    };
    sized(device.scoped(scope, || device.device.create_texture(&desc)), (rows * row) as u64)
}

fn sized<T>(made: Result<T>, bytes: u64) -> Result<T> {
    made.map_err(|e| match e {
        Error::OutOfMemory { scope, .. } => Error::OutOfMemory { scope, message: format!("{bytes} bytes") },
        other => other,
    })
}

/// The array of `len` elements at `offset` bytes of a buffer, and the parts of a texture that hold it.
fn parts<'a>(
    buffer: &'a wgpu::Buffer,
    offset: u64,
    (texture, layout): (&'a wgpu::Texture, Layout),
    elem: Elem,
    len: usize,
) -> impl Iterator<Item = (wgpu::TexelCopyBufferInfo<'a>, wgpu::TexelCopyTextureInfo<'a>, wgpu::Extent3d)> {
    let bytes = move |texels: usize| texels * 4 * elem.bytes();
    layout.rectangles(len).into_iter().map(move |r| {
        let layout = wgpu::TexelCopyBufferLayout {
            offset: offset + bytes(r.from) as u64,
            bytes_per_row: (r.height > 1).then_some(bytes(r.stride) as u32),
            rows_per_image: None,
        };
        let origin = wgpu::Origin3d { x: r.x as u32, y: r.y as u32, z: 0 };
        (
            wgpu::TexelCopyBufferInfo { buffer, layout },
            wgpu::TexelCopyTextureInfo { texture, mip_level: 0, origin, aspect: wgpu::TextureAspect::All },
            wgpu::Extent3d { width: r.width as u32, height: r.height as u32, depth_or_array_layers: 1 },
        )
    })
}

/// Records the copy of `len` elements at `offset` bytes of a buffer into a texture.
pub(super) fn fill(
    encoder: &mut wgpu::CommandEncoder,
    buffer: &wgpu::Buffer,
    offset: u64,
    texture: (&wgpu::Texture, Layout),
    elem: Elem,
    len: usize,
) {
    for (from, to, size) in parts(buffer, offset, texture, elem, len) {
        encoder.copy_buffer_to_texture(from, to, size);
    }
}

/// Records the copy of the first `len` elements of an array to the start of a buffer, in whole words.
pub(super) fn fetch(encoder: &mut wgpu::CommandEncoder, from: &Memory, to: &wgpu::Buffer, elem: Elem, len: usize) {
    match from {
        Memory::Buffer(b) => encoder.copy_buffer_to_buffer(b, 0, to, 0, halves::words(elem, len) as u64 * 4),
        Memory::Texture(t, layout) => {
            for (to, from, size) in parts(to, 0, (t, *layout), elem, len) {
                encoder.copy_texture_to_buffer(from, to, size);
            }
        }
    }
}
