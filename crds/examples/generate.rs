//! Writes `crds/generated/` and the field reference of the book:
//! `cargo run -p logloom-crds --example generate`.

use std::path::Path;

use logloom_crds::generate::{self, GeneratedFile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    write(&crate_folder.join("generated"), &generate::files()?)?;
    write(&crate_folder.join("../docs/src/reference"), &generate::pages())?;
    Ok(())
}

fn write(folder: &Path, files: &[GeneratedFile]) -> Result<(), std::io::Error> {
    std::fs::create_dir_all(folder)?;
    for file in files {
        std::fs::write(folder.join(&file.name), &file.text)?;
        println!("{:>7} bytes  {}", file.text.len(), file.name);
    }
    Ok(())
}
