//! Pictures of one's own, in a folder for each class.

use std::path::Path;

use super::pictures::{self, Size};
use super::{DataSet, Info, Origin, Wanted};
use crate::error::{Error, Result};

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: "folder",
    description: "your own pictures, PNG and JPEG of any size, in a folder for each class",
    files: "{train,val}/CLASS/*.{png,jpg,jpeg}, or CLASS/* alone to train with; tar files of these",
    classes: &[],
    licence: "yours",
    maximum: u8::MAX,
    pictures: Some(size),
    open,
    streams: Some("its pictures"),
    shape: |_, wanted| Ok(size(wanted)?.shape()),
    members: None,
    origin: Origin::Login(
        "make a folder train and in it a folder for each class, likewise val to test with, and put pictures into these",
    ),
};

fn size(wanted: &Wanted) -> Result<Size> {
    let crop = wanted.crop.ok_or_else(|| {
        Error::Invalid(
            "data.set = \"folder\": say how many rows and columns of a picture the network reads, e.g. data.crop = 64, or --crop 64"
                .into(),
        )
    })?;
    Size::new(crop, wanted.short_side)
}

fn open(dir: &Path, wanted: &Wanted) -> Result<DataSet> {
    pictures::open(INFO.name, dir, size(wanted)?)
}
