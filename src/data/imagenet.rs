//! ImageNet 2012 (Russakovsky et al. 2015, arXiv 1409.0575), the 1,000 classes of its challenge, or a part of it: JPEGs of any size.

use std::path::Path;

use super::pictures::{self, Size};
use super::{DataSet, Info, Origin, Wanted};
use crate::error::Result;

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: "imagenet",
    description: "1,281,167 + 50,000 photographs of ImageNet 2012 of any size, 1,000 classes",
    files: "{imagenet,.}/{train,val}/CLASS/*.JPEG; ILSVRC's tar files; tar shards: data/README.md",
    // Those of a folder are what is in it.
    classes: &[],
    licence: "non-commercial research and education, after a login: the terms of image-net.org",
    maximum: u8::MAX,
    pictures: Some(size),
    open,
    streams: Some("its pictures"),
    shape: |_, wanted| Ok(size(wanted)?.shape()),
    members: None,
    origin: Origin::Login(
        "log in at https://image-net.org/download-images and put ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar, or the folders train and val, into the data folder",
    ),
};

/// Crops of 227x227 where nothing else is said: what AlexNet reads.
fn size(wanted: &Wanted) -> Result<Size> {
    Size::new(wanted.crop.unwrap_or(227), wanted.short_side)
}

fn open(dir: &Path, wanted: &Wanted) -> Result<DataSet> {
    let own = dir.join(INFO.name);
    pictures::open(INFO.name, if own.is_dir() { &own } else { dir }, size(wanted)?)
}
