//! Where things are in this checkout.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The checkout's top folder: that of the cargo that runs us, else the one that we were built in. They differ where
/// several checkouts share a target folder.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let packages = [std::env::var_os("CARGO_MANIFEST_DIR"), Some(env!("CARGO_MANIFEST_DIR").into())];
        let mut roots = packages
            .into_iter()
            .flatten()
            .filter_map(|package| Some(Path::new(&package).parent()?.to_owned()));
        let is_ours = |root: &PathBuf| root.join("tests/src/checkout.rs").is_file();
        roots.find(is_ours).expect("the checkout that this was built in is still there")
    });
    &ROOT
}

/// What the harness keeps between runs: secrets, logs, databases. Git ignores it.
pub fn tenon_folder() -> PathBuf {
    root().join(".tenon")
}

/// The SQL files of the schema.
pub fn migrations() -> PathBuf {
    root().join("migrations")
}

/// Twelve hex digits that tell this checkout from others on the machine.
pub fn fingerprint() -> String {
    let digest = Sha256::digest(root().as_os_str().as_encoded_bytes());
    hex::encode(&digest[..6])
}
