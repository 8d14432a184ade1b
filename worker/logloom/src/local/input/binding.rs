//! `--input SOURCE=WHERE`: from words of the command line to partitions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One `--input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Name of the source in the pipeline.
    pub source: String,
    /// A path, a glob, or `-`.
    pub pattern: String,
}

/// Where the lines of a partition are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Standard input.
    Stdin,
    /// A file, plain or compressed.
    File(PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => write!(formatter, "standard input"),
            Self::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// One partition of a source: one file, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Name of the source.
    pub source: String,
    /// Number within the source, in the order of the paths.
    pub number: u32,
    /// Where its lines are.
    pub place: Place,
}

/// What can be wrong with `--input`.
#[derive(Debug, Error)]
pub enum BindingError {
    /// No `=` in it.
    #[error("--input {given}: expected SOURCE=FILE, SOURCE=GLOB or SOURCE=-, for example app=logs/app.log")]
    NoEquals {
        /// What was given.
        given: String,
    },
    /// The glob cannot be read.
    #[error("--input {source_name}={pattern}: {message} at character {position} of the glob")]
    BadGlob {
        /// The source.
        source_name: String,
        /// The glob.
        pattern: String,
        /// What is wrong.
        message: String,
        /// Where, from 1.
        position: usize,
    },
    /// Nothing there.
    #[error("--input {source_name}={pattern}: no such file; relative paths start at the current directory{hint}")]
    Missing {
        /// The source.
        source_name: String,
        /// The path or glob.
        pattern: String,
        /// A nearby name, if there is one.
        hint: String,
    },
    /// A directory where a file is needed.
    #[error("--input {source_name}={pattern}: is a directory; name its files with a glob such as {pattern}/*.log")]
    Directory {
        /// The source.
        source_name: String,
        /// The path.
        pattern: String,
    },
    /// Standard input can be read once.
    #[error("--input {source_name}=-: standard input is already bound to source {other}")]
    StdinTwice {
        /// The source.
        source_name: String,
        /// Who has it.
        other: String,
    },
    /// The same file twice in one source would count every line twice.
    #[error(
        "--input {source_name}: {path} is named twice{}; name each file once, or every line counts twice",
        if path.as_os_str() == other.as_os_str() { String::new() } else { format!(", also as {}", other.display()) }
    )]
    FileTwice {
        /// The source.
        source_name: String,
        /// The file.
        path: PathBuf,
        /// Its other name; links are followed.
        other: PathBuf,
    },
}

impl Binding {
    /// Whether it is a pattern, and not the name of a file or `-`.
    pub fn is_glob(&self) -> bool {
        self.pattern != "-" && !Path::new(&self.pattern).exists()
    }
}

impl std::str::FromStr for Binding {
    type Err = BindingError;

    fn from_str(given: &str) -> Result<Self, BindingError> {
        match given.split_once('=') {
            Some((source, pattern)) if !source.is_empty() && !pattern.is_empty() => {
                Ok(Self { source: source.to_owned(), pattern: pattern.to_owned() })
            }
            _ => Err(BindingError::NoEquals { given: given.to_owned() }),
        }
    }
}

/// All partitions of all bindings, in the order of source (first mention) and path.
///
/// # Errors
/// [`BindingError`], naming the binding.
pub fn expand(bindings: &[Binding]) -> Result<Vec<Partition>, BindingError> {
    let mut by_source: Vec<(String, Vec<Place>)> = Vec::new();
    let mut stdin_owner: Option<String> = None;
    for binding in bindings {
        let places = places(binding, &mut stdin_owner)?;
        match by_source.iter_mut().find(|(name, _)| *name == binding.source) {
            Some((_, all)) => all.extend(places),
            None => by_source.push((binding.source.clone(), places)),
        }
    }
    let mut partitions = Vec::new();
    for (source, mut places) in by_source {
        places.sort();
        let mut seen = BTreeMap::new();
        for (number, place) in places.into_iter().enumerate() {
            if let Place::File(path) = &place {
                // What cannot be resolved is found out when it is opened.
                let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                if let Some(other) = seen.insert(real, path.clone()) {
                    return Err(BindingError::FileTwice { source_name: source, path: path.clone(), other });
                }
            }
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            partitions.push(Partition { source: source.clone(), number, place });
        }
    }
    Ok(partitions)
}

fn places(binding: &Binding, stdin_owner: &mut Option<String>) -> Result<Vec<Place>, BindingError> {
    let source_name = binding.source.clone();
    let pattern = binding.pattern.clone();
    if pattern == "-" {
        if let Some(other) = stdin_owner.replace(source_name.clone()) {
            return Err(BindingError::StdinTwice { source_name, other });
        }
        return Ok(vec![Place::Stdin]);
    }
    let path = Path::new(&pattern);
    if path.is_dir() {
        return Err(BindingError::Directory { source_name, pattern });
    }
    if path.exists() {
        return Ok(vec![Place::File(path.to_owned())]);
    }
    let found = glob::glob(&pattern).map_err(|error| BindingError::BadGlob {
        source_name: source_name.clone(),
        pattern: pattern.clone(),
        message: error.msg.to_owned(),
        position: error.pos + 1,
    })?;
    let files: Vec<Place> = found.flatten().filter(|path| path.is_file()).map(Place::File).collect();
    if files.is_empty() {
        let hint = nearby(path);
        return Err(BindingError::Missing { source_name, pattern, hint });
    }
    Ok(files)
}

/// The name in the same folder that shares most of its beginning with the missing one.
fn nearby(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return format!(" ({} does not exist)", folder.display());
    };
    let common = |name: &str| name.bytes().zip(wanted.bytes()).take_while(|(left, right)| left == right).count();
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
        .into_iter()
        .max_by_key(|name| common(name))
        .filter(|name| common(name) >= 2)
        .map(|name| format!(" (did you mean {}?)", folder.join(name).display()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Binding {
        text.parse().unwrap()
    }

    #[test]
    fn a_glob_gives_its_files_in_order_and_numbers_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.log", "a.log", "c.txt"] {
            std::fs::write(folder.path().join(name), "x\n").unwrap();
        }
        let pattern = format!("app={}/*.log", folder.path().display());
        let partitions = expand(&[bind(&pattern)]).unwrap();
        let names: Vec<_> = partitions.iter().map(|p| (p.number, p.place.to_string())).collect();
        assert_eq!(names.len(), 2);
        assert!(names[0].1.ends_with("a.log") && names[1].1.ends_with("b.log"));
        assert_eq!((names[0].0, names[1].0), (0, 1));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("app.log"), "x\n").unwrap();
        let missing = expand(&[bind(&format!("app={}/app.lg", folder.path().display()))]).unwrap_err().to_string();
        assert!(missing.contains("no such file") && missing.contains("app.log?"), "{missing}");
        let directory = expand(&[bind(&format!("app={}", folder.path().display()))]).unwrap_err().to_string();
        assert!(directory.contains("is a directory"), "{directory}");
        let twice = expand(&[bind("a=-"), bind("b=-")]).unwrap_err().to_string();
        assert!(twice.contains("already bound to source a"), "{twice}");
        assert!("nothing".parse::<Binding>().unwrap_err().to_string().contains("SOURCE=FILE"));
        let same = format!("app={}/app.log", folder.path().display());
        assert!(expand(&[bind(&same), bind(&same)]).unwrap_err().to_string().contains("named twice"));
        std::os::unix::fs::symlink(folder.path().join("app.log"), folder.path().join("link.log")).unwrap();
        for other in ["./app.log", "link.log"] {
            let other = format!("app={}/{other}", folder.path().display());
            let twice = expand(&[bind(&same), bind(&other)]).unwrap_err().to_string();
            assert!(twice.contains("named twice, also as"), "{twice}");
        }
    }
}
