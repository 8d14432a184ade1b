//! Figures for machines: `figures/NAME.json` in the target folder, one flat object of numbers.

use serde_json::{Map, Number, Value};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why figures could not be written.
#[derive(Debug, Error)]
#[error("cannot write {path}: {error}")]
pub struct FiguresError {
    path: PathBuf,
    error: std::io::Error,
}

/// Named numbers, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct Figures(Map<String, Value>);

impl Figures {
    /// Adds a figure. A number that JSON cannot write is left out.
    pub fn add(&mut self, name: impl Into<String>, value: f64) {
        if let Some(number) = Number::from_f64(value) {
            self.0.insert(name.into(), Value::Number(number));
        }
    }

    /// Writes them to `figures/NAME.json` in the target folder (`CARGO_TARGET_DIR`, else
    /// `target`), `name` being the make target.
    ///
    /// # Errors
    /// [`FiguresError`].
    pub fn write(&self, name: &str) -> Result<PathBuf, FiguresError> {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let path = Path::new(&target).join("figures").join(format!("{name}.json"));
        self.write_to(&path).map_err(|error| FiguresError { path: path.clone(), error })?;
        Ok(path)
    }

    fn write_to(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_vec_pretty(&self.0)?;
        text.push(b'\n');
        std::fs::write(path, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_one_flat_object_in_order() {
        let mut figures = Figures::default();
        figures.add("b", 1.5);
        figures.add("a", 2.0);
        figures.add("not a number", f64::NAN);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figures").join("x.json");
        figures.write_to(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n  \"b\": 1.5,\n  \"a\": 2.0\n}\n");
    }
}
