//! The texts of `shaders/`, embedded whole: a variant's file is found by its name, `FOLDER/FOLDER.VERB.VARIANT.wgsl`.

use std::collections::BTreeMap;
use std::str;
use std::sync::LazyLock;

use rust_embed::RustEmbed;

use super::{BAKED, Kernel, Variant, map_of};

#[derive(RustEmbed)]
#[folder = "shaders/"]
struct Folder;

static TEXTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let text = |path: &str| {
        let file = Folder::get(path).expect("a path that the folder gave");
        String::from_utf8(file.data.into_owned()).unwrap_or_else(|e| panic!("shaders/{path}: {e}"))
    };
    Folder::iter().map(|path| (path.to_string(), text(&path))).collect()
});

/// The text of a file, by its path under `shaders/`.
pub fn text(path: &str) -> Option<&'static str> {
    TEXTS.get(path).map(String::as_str)
}

/// Path and text of every piece that shaders include. Those in `common/` are whole by themselves; the others use bindings,
/// knobs and functions of the file around them, and may hold its entry point.
pub fn pieces() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXTS.iter().map(|(path, text)| (path.as_str(), text.as_str())).filter(|(path, _)| is_piece(path))
}

/// The text of a piece.
pub fn piece(path: &str) -> Option<&'static str> {
    text(path).filter(|_| is_piece(path))
}

fn is_piece(path: &str) -> bool {
    path.ends_with(".wgsl") && path.matches('.').count() == 1
}

impl Kernel {
    /// The file of a variant, as a path under `shaders/`: its own, or that of the variant which it is a form of.
    pub fn file(&self, variant: &Variant) -> String {
        let folder = self.name.split('.').next().unwrap_or_default();
        format!("{folder}/{}.{}.wgsl", self.name, variant.file())
    }

    /// The text of a variant's file.
    ///
    /// # Panics
    /// If there is none: a bug of the table, which a test finds.
    pub fn source(&self, variant: &Variant) -> &'static str {
        let file = self.file(variant);
        text(&file).unwrap_or_else(|| panic!("there is no shaders/{file}"))
    }

    /// Whether a variant's shader is compiled once per set of constants, which take the place of its `params` block:
    /// `var<uniform> params: Params; // baked`.
    pub fn baked(&self, variant: &Variant) -> bool {
        self.source(variant).lines().any(|l| l.ends_with(BAKED))
    }

    /// The arguments of a variant that may hold 16-bit floats.
    pub fn maps(&self, variant: &Variant) -> impl Iterator<Item = &'static str> {
        self.source(variant).lines().filter_map(map_of)
    }
}
