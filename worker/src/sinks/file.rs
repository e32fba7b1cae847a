//! An object of NDJSON in the storage.

use bytes::Bytes;
use tenon_common::audit::sink::stream::Batch;
use tenon_common::id::TenantId;
use tenon_common::storage::Storage;

use super::lines;

/// The key says the first position alone: a batch that is written again, and has grown meanwhile, takes the place of the one before.
pub(super) async fn send(
    storage: &Storage,
    tenant: TenantId,
    prefix: &str,
    batch: &Batch,
) -> Result<(), String> {
    let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let key = format!("audit/{tenant}/{folder}{:020}.ndjson", batch.first);
    write(storage, &key, lines(batch).into()).await.map_err(|error| error.to_string())
}

async fn write(storage: &Storage, key: &str, lines: Bytes) -> tenon_common::Result<()> {
    let mut upload = storage.upload(key).await?;
    match upload.write(lines).await {
        Ok(()) => upload.finish().await.map(drop),
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}
