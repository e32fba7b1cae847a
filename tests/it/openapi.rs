//! The documents that are committed are the ones that the program writes.

use std::path::Path;

#[test]
fn the_committed_documents_are_the_programs() {
    let documents = tenon_api::spec().unwrap_or_else(|error| panic!("{error}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    for (name, written) in [("openapi.json", &documents.v31), ("openapi-3.0.json", &documents.v30)] {
        let committed = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            committed == *written,
            "openapi/{name} is not what the program writes; run: cargo run -p tenon-api -- openapi --write openapi"
        );
    }
}
