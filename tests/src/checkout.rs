//! Where things are in this checkout.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The checkout's top folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the checkout")
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
