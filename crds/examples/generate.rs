//! Writes `crds/generated/`: `cargo run -p logloom-crds --example generate`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    std::fs::create_dir_all(&folder)?;
    for file in logloom_crds::generate::files()? {
        std::fs::write(folder.join(&file.name), &file.text)?;
        println!("{:>7} bytes  {}", file.text.len(), file.name);
    }
    Ok(())
}
