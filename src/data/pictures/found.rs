//! The pictures of a part of a set, with what they say of their classes.

use std::path::{Path, PathBuf};

use super::{Picture, Shelf};
use crate::data::picture::walk;
use crate::error::Result;

/// What a picture says of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Which it is by its name: of a folder, or of a tar file in a tar file.
    Named(String),
    /// Its number.
    Number(u16),
    /// Nothing.
    Unknown,
}

/// The pictures of a part, in any order.
#[derive(Default)]
pub(super) struct Found {
    pub shelves: Vec<Shelf>,
    pub pictures: Vec<(Picture, Class)>,
    /// Names of classes without pictures.
    pub empty: Vec<String>,
}

impl Found {
    /// Adds the pictures in a folder and below, all of a class.
    pub fn add_folder(&mut self, path: &Path, class: Class) -> Result<()> {
        let (mut files, mut others) = (vec![], 0);
        walk(path, &mut files, &mut others)?;
        if let (true, Class::Named(name)) = (files.is_empty(), &class) {
            log::warn!("{}: no .jpg, .jpeg or .png file", path.display());
            self.empty.push(name.clone());
        }
        let shelf = self.shelves.len() as u32;
        let picture = |file: PathBuf| {
            let name = file.strip_prefix(path).expect("below it").as_os_str().to_owned();
            (Picture { shelf, name, at: 0..0 }, class.clone())
        };
        self.pictures.extend(files.into_iter().map(picture));
        self.shelves.push(Shelf::Folder(path.to_owned()));
        Ok(())
    }
}
