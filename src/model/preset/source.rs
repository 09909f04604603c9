//! Where the keys of a preset come from: a file, the bases it extends, `--set` flags. Merges them and remembers who
//! said what, so that an error can name the file.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use super::check::{LONGEST_NAME, is_name_char};
use super::embedded;
use crate::error::{Error, Result, suggest};

/// A preset's text lies in a file or in the binary.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    File(PathBuf),
    Embedded(String),
}

impl Place {
    /// The place that the argument of `train`, `show`, ... means.
    fn find(path: &Path) -> Result<Place> {
        let with = |p: &Path| PathBuf::from([p.as_os_str(), OsStr::new(".toml")].join(OsStr::new("")));
        let local = Path::new("models").join(path);
        for file in [path.to_path_buf(), with(path), local.clone(), with(&local)] {
            if file.is_file() {
                return Ok(Place::File(file));
            }
        }
        let name = path.to_string_lossy().replace('\\', "/");
        let name = name.strip_prefix("models/").unwrap_or(&name);
        let name = name.strip_suffix(".toml").unwrap_or(name);
        if embedded::text(name).is_some() {
            return Ok(Place::Embedded(name.into()));
        }
        let near = suggest(name, embedded::names());
        Err(Error::Invalid(format!(
            "there is no preset {}: neither a file nor one of the built-in.{near}",
            path.display()
        )))
    }

    /// The place that `extends = "path"` in this one means.
    fn base(&self, path: &str) -> Place {
        match self {
            Place::File(file) => Place::File(file.parent().unwrap_or(Path::new("")).join(path)),
            Place::Embedded(name) => {
                let mut parts: Vec<&str> = name.split('/').collect();
                parts.pop();
                for component in Path::new(path).components() {
                    match component {
                        Component::Normal(part) => parts.extend(part.to_str()),
                        Component::ParentDir => drop(parts.pop()),
                        _ => {}
                    }
                }
                let name = parts.join("/");
                Place::Embedded(name.strip_suffix(".toml").unwrap_or(&name).into())
            }
        }
    }

    /// The folder that it lies in; of the binary that of the process.
    fn folder(&self) -> PathBuf {
        match self {
            Place::File(file) => file.parent().map(Path::to_owned).unwrap_or_default(),
            Place::Embedded(_) => PathBuf::new(),
        }
    }

    fn label(&self) -> String {
        match self {
            Place::File(file) => file.display().to_string(),
            Place::Embedded(name) => format!("{name} (built in)"),
        }
    }

    /// One place has one identity, however it is written.
    fn identity(&self) -> Place {
        match self {
            Place::File(file) => Place::File(file.canonicalize().unwrap_or_else(|_| file.clone())),
            other => other.clone(),
        }
    }

    fn read(&self) -> Result<String> {
        match self {
            Place::File(file) => std::fs::read_to_string(file).map_err(|e| match e.kind() {
                ErrorKind::InvalidData => Error::format(file, "this is no text, so no preset: those are TOML"),
                _ => Error::io(file, e),
            }),
            Place::Embedded(name) => embedded::text(name)
                .map(String::from)
                .ok_or_else(|| Error::Invalid(format!("there is no built-in preset {name}"))),
        }
    }
}

/// A name for a preset that has only that of its file: what a name may not have becomes a dash.
fn name(stem: &OsStr) -> String {
    let stem = stem.to_string_lossy();
    let dashed = stem.chars().map(|c| if is_name_char(c) { c } else { '-' });
    let name: String = dashed.skip_while(|c| *c == '.').take(LONGEST_NAME).collect();
    if name.is_empty() { "preset".into() } else { name }
}

fn parse(text: &str, label: &str) -> Result<Table> {
    text.parse::<Table>().map_err(|e| Error::format(label, format!("this is no TOML: {e}")))
}

/// Tables that override one another, and their labels.
pub(super) struct Sources {
    /// The first is the outermost base, the last wins.
    tables: Vec<(String, Table)>,
    /// The folder of each, to which paths in it are relative.
    folders: Vec<PathBuf>,
    /// How many of them are files; the rest are flags.
    files: usize,
}

impl Sources {
    /// The file (or built-in preset) `path` and everything it extends.
    pub fn open(path: &Path) -> Result<Sources> {
        let mut place = Place::find(path)?;
        let stem = path.file_stem().map(name);
        let (mut seen, mut tables, mut folders) = (vec![], vec![], vec![]);
        loop {
            if seen.contains(&place.identity()) {
                let chain: Vec<&str> = tables.iter().map(|(label, _): &(String, Table)| label.as_str()).collect();
                return Err(Error::Invalid(format!(
                    "{} extends itself ({} extends {}); remove one `extends`",
                    place.label(),
                    chain.join(" extends "),
                    place.label()
                )));
            }
            seen.push(place.identity());
            let text = match (place.read(), tables.last()) {
                (Err(e), Some((from, _))) => return Err(Error::Invalid(format!("{from} extends {e}"))),
                (text, _) => text?,
            };
            let mut table = parse(&text, &place.label())?;
            let extends = table.remove("extends");
            tables.push((place.label(), table));
            folders.push(place.folder());
            place = match extends {
                None => break,
                Some(Value::String(base)) => place.base(&base),
                Some(other) => {
                    let message = format!("extends: expected the path of a preset as a string, found {other}");
                    return Err(Error::format(place.label(), message));
                }
            };
        }
        tables.reverse();
        folders.reverse();
        // A file that does not say otherwise is called what it is called.
        if let (Some((_, last)), Some(stem)) = (tables.last_mut(), stem)
            && !last.contains_key("name")
        {
            last.insert("name".into(), Value::String(stem));
        }
        Ok(Sources { files: tables.len(), tables, folders })
    }

    /// A text that lies nowhere.
    pub fn text(text: &str) -> Result<Sources> {
        let label = "preset";
        let table = parse(text, label)?;
        if table.contains_key("extends") {
            return Err(Error::format(label, "extends: only a preset in a file can extend another"));
        }
        Ok(Sources { files: 1, tables: vec![(label.into(), table)], folders: vec![PathBuf::new()] })
    }

    /// Adds one `key=value`.
    pub fn set(&mut self, set: &str) -> Result<()> {
        let fail = |m: &str| Err(Error::Invalid(format!("--set {set}: {m}")));
        let Some((key, value)) = set.split_once('=') else {
            return fail("write key=value, e.g. --set width=0.125 or --set data.train=10000");
        };
        let keys: Vec<&str> = key.trim().split('.').collect();
        if keys.iter().any(|k| k.is_empty()) {
            return fail("a key is empty; write key=value with dots between nested keys");
        }
        if keys[0] == "extends" {
            return fail("extends belongs into a preset's file; give the other preset as the argument instead");
        }
        let mut value = scalar(value.trim());
        for key in keys.iter().rev() {
            value = Value::Table(Table::from_iter([(key.to_string(), value)]));
        }
        let Value::Table(table) = value else { return fail("a key is empty") };
        self.tables.push((format!("--set {set}"), table));
        self.folders.push(PathBuf::new());
        Ok(())
    }

    /// All of them, later ones over earlier ones.
    pub fn merged(&self) -> Table {
        let (files, flags) = self.tables.split_at(self.files);
        let merge = |tables: &[(String, Table)]| {
            tables.iter().fold(Table::new(), |mut all, (_, table)| {
                overlay(&mut all, table);
                all
            })
        };
        // The flags are one source: `--set lr.kind=constant --set lr.initial=0.1` works in either order.
        let mut all = merge(files);
        overlay(&mut all, &merge(flags));
        all
    }

    /// The label of the last source that says something about the key `path` (or else about what it lies in).
    pub fn origin(&self, path: &[String]) -> &str {
        self.tables.get(self.place(path)).map_or("preset", |(label, _)| label.as_str())
    }

    /// The folder of that source; that of the process, `""`, for a flag.
    pub fn folder(&self, path: &[String]) -> &Path {
        self.folders.get(self.place(path)).map_or(Path::new(""), PathBuf::as_path)
    }

    fn place(&self, path: &[String]) -> usize {
        (1..=path.len())
            .rev()
            .find_map(|n| self.tables.iter().rposition(|(_, table)| mentions(table, &path[..n])))
            .unwrap_or(self.files - 1)
    }
}

/// A value as TOML writes it, else a string.
fn scalar(text: &str) -> Value {
    match format!("value = {text}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => table.remove("value"),
        _ => None,
    }
    .unwrap_or_else(|| Value::String(text.into()))
}

/// Puts `top` over `base`: tables key by key, everything else whole. A table whose `kind` changes is replaced, as the
/// keys of one kind mean nothing to another.
fn overlay(base: &mut Table, top: &Table) {
    for (key, value) in top {
        if let (Some(Value::Table(old)), Value::Table(new)) = (base.get_mut(key), value) {
            let kinds = old.get("kind").zip(new.get("kind"));
            if kinds.is_none_or(|(old, new)| old == new) {
                overlay(old, new);
                continue;
            }
        }
        base.insert(key.clone(), value.clone());
    }
}

fn mentions(table: &Table, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let mut value = table.get(first);
    for key in rest {
        let index = key.strip_prefix('[').and_then(|k| k.strip_suffix(']')).and_then(|k| k.parse::<usize>().ok());
        value = match (value, index) {
            (Some(Value::Array(items)), Some(i)) => items.get(i),
            (Some(Value::Table(table)), _) => table.get(key),
            _ => None,
        };
    }
    value.is_some()
}
