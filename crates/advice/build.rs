//! Lists the data files, so that a runtime is added by adding a file.

use std::path::Path;
use std::{env, fs};

fn main() -> std::io::Result<()> {
    let mut code = String::new();
    for (name, directory) in [("FAMILIES", "families"), ("FINGERPRINTS", "fingerprints")] {
        let directory = Path::new("data").join(directory);
        println!("cargo::rerun-if-changed={}", directory.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                files.push(path);
            }
        }
        files.sort();
        code.push_str(&format!("const {name}: [Source; {}] = [\n", files.len()));
        for path in files {
            let shown = path.strip_prefix("data").unwrap_or(&path).display();
            let whole = env::current_dir()?.join(&path);
            code.push_str(&format!(
                "    ({:?}, include_str!({:?})),\n",
                shown.to_string(),
                whole
            ));
        }
        code.push_str("];\n");
    }
    let out = env::var("OUT_DIR").map_err(std::io::Error::other)?;
    fs::write(Path::new(&out).join("data.rs"), code)
}
