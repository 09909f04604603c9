//! The driver's pipeline cache, kept on disk from one process to the next.
//!
//! A file is what the driver gave and the SHA-256 of that: wgpu checks that data come from this adapter and driver, but
//! not that they are whole. Whatever is wrong with the file, or with writing it, costs compilation time and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use crate::files;

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// A pipeline cache and its file.
pub(super) struct Cache {
    /// What pipelines are created with.
    pub cache: wgpu::PipelineCache,
    path: PathBuf,
    /// Digest of what the file holds.
    stored: Mutex<Option<[u8; DIGEST]>>,
}

impl Cache {
    /// The cache for an adapter in a folder; none where the driver has no such thing.
    pub(super) fn open(device: &wgpu::Device, adapter: &wgpu::AdapterInfo, folder: &Path) -> Option<Cache> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder.join(format!("{}.pipelines", wgpu::util::pipeline_cache_key(adapter)?));
        let data = match std::fs::read(&path) {
            Ok(bytes) => whole(&bytes).map(<[u8]>::to_vec).or_else(|| {
                log::warn!("{} is damaged: pipelines are compiled anew, and it is replaced", path.display());
                None
            }),
            Err(_) => None,
        };
        let stored = data.as_deref().map(digest);
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let desc =
            wgpu::PipelineCacheDescriptor { label: Some("pipeline cache"), data: data.as_deref(), fallback: true };
        // SAFETY: the data are the unchanged bytes that `get_data` gave: their digest says so. The folder is the user's.
        let cache = unsafe { device.create_pipeline_cache(&desc) };
        match pollster::block_on(scope.pop()) {
            None => Some(Cache { cache, path, stored: Mutex::new(stored) }),
            Some(e) => {
                log::debug!("no pipeline cache: {e}");
                None
            }
        }
    }

    /// Writes what the driver gained since the last time.
    pub(super) fn save(&self) {
        let Some(data) = self.cache.get_data() else { return };
        let digest = digest(&data);
        let mut stored = self.stored.lock().unwrap_or_else(|e| e.into_inner());
        if *stored == Some(digest) {
            return;
        }
        let folder = self.path.parent().expect("a file in a folder");
        let written = std::fs::create_dir_all(folder).map_err(|e| crate::error::Error::io(folder, e)).and_then(|()| {
            files::replace(&self.path, |w| {
                w.write_all(&data)?;
                w.write_all(&digest)
            })
        });
        match written {
            Ok(()) => log::debug!("{} bytes of compiled pipelines kept in {}", data.len(), self.path.display()),
            Err(e) => log::debug!("compiled pipelines are not kept: {e}"),
        }
        // Also where it failed: it would fail again after every load.
        *stored = Some(digest);
    }
}

fn digest(data: &[u8]) -> [u8; DIGEST] {
    Sha256::digest(data).into()
}

/// The data of a file, if its digest fits.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (data, stored) = bytes.split_last_chunk::<DIGEST>()?;
    (digest(data) == *stored).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_whole_is_no_data() {
        let data = b"compiled".to_vec();
        let file = [&data[..], &digest(&data)].concat();
        assert_eq!(whole(&file), Some(&data[..]));
        for cut in 0..file.len() {
            assert_eq!(whole(&file[..cut]), None, "the first {cut} bytes");
        }
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(whole(&changed), None, "bit {bit}");
        }
    }
}
