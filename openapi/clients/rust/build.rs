//! Makes the client and the document's samples of Rust into files that `src/` includes.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "../../openapi-3.0.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    println!("cargo::rerun-if-changed=build.rs");
    let text = std::fs::read_to_string(DOCUMENT)?;
    let folder = PathBuf::from(std::env::var("OUT_DIR")?);
    client(&text, &folder)?;
    samples(&text, &folder)
}

fn client(text: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let document: openapiv3::OpenAPI = serde_json::from_str(text)?;
    let mut settings = progenitor_impl::GenerationSettings::new();
    // Arguments by name: a list has too many to be told apart by position.
    settings.with_interface(progenitor_impl::InterfaceStyle::Builder);
    let tokens = progenitor_impl::Generator::new(&settings).generate_tokens(&document)?;
    let source = prettyplease::unparse(&syn::parse2(tokens)?);
    Ok(std::fs::write(folder.join("client.rs"), source)?)
}

/// A function for each sample: it compiles, or the build fails.
fn samples(text: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let document: serde_json::Value = serde_json::from_str(text)?;
    let paths = document["paths"].as_object().ok_or("there are no paths")?;
    let mut source = String::new();
    for operation in paths.values().filter_map(|methods| methods.as_object()).flat_map(|methods| methods.values()) {
        let samples = operation["x-codeSamples"].as_array().ok_or("an operation has no samples")?;
        let sample = samples.iter().find(|sample| sample["lang"] == "Rust").ok_or("an operation has no sample of Rust")?;
        let name = operation["operationId"].as_str().ok_or("an operation has no id")?;
        let sample = sample["source"].as_str().ok_or("a sample is no text")?;
        writeln!(source, "pub async fn {name}() -> Result<(), Box<dyn std::error::Error>> {{\n{sample}\nOk(())\n}}")?;
    }
    Ok(std::fs::write(folder.join("samples.rs"), source)?)
}
