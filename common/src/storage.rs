//! Files that are too large for a row: uploads of imports and the results of exports, through the crate `object_store`. A folder
//! that all servers share, or a bucket that speaks S3. A key begins with what the file is for and its tenant's id.

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use url::Url;

use crate::error::{Error, Result};
use crate::id::TenantId;

/// What files are for: the beginnings of their keys.
const PURPOSES: [&str; 4] = ["imports", "exports", "uploads", "audit"];
/// Parts of an upload that are on their way at once, 5 MiB each.
const PARTS: usize = 2;

/// Where files are kept.
#[derive(Clone, Debug)]
pub struct Storage {
    files: Arc<dyn ObjectStore>,
    /// The folder that they are in, if it is one of this machine.
    folder: Option<Arc<FilePath>>,
}

impl Storage {
    /// A place by its URL: `file:///srv/tenon`, `s3://bucket/folder` with the usual `AWS_…` variables, or the path of a folder. A
    /// folder that is not there is made.
    pub fn open(place: &str) -> Result<Self, String> {
        match Url::parse(place) {
            Ok(url) if url.scheme() == "file" => {
                let folder =
                    url.to_file_path().map_err(|()| format!("{place:?} is no path of this machine"))?;
                Self::folder(&folder)
            }
            Ok(url) => Self::bucket(&url),
            Err(_) => Self::folder(&PathBuf::from(place)),
        }
    }

    fn folder(folder: &FilePath) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(&error))?;
        // A file is there when the answer says so, as rows are.
        let files = Arc::new(store.with_fsync(true).with_automatic_cleanup(true));
        Ok(Self { files, folder: Some(folder.into()) })
    }

    fn bucket(url: &Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "s3" | "s3a" | "https") {
            return Err(format!(
                "expected a folder, file:///folder or s3://bucket/folder, not {}://…",
                url.scheme()
            ));
        }
        let variables = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        let variables = variables.map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, prefix) =
            object_store::parse_url_opts(url, variables).map_err(|error| error.to_string())?;
        Ok(Self { files: Arc::new(PrefixStore::new(store, prefix)), folder: None })
    }

    /// Begins a file. It is not there for readers until [`Upload::finish`]; one that is not finished is nobody's.
    pub async fn upload(&self, key: &str) -> Result<Upload> {
        let parts = self.files.put_multipart(&Path::from(key)).await?;
        Ok(Upload { parts: Some(WriteMultipart::new(parts)), written: 0 })
    }

    /// The bytes of a file.
    pub async fn size(&self, key: &str) -> Result<u64> {
        Ok(self.files.head(&Path::from(key)).await?.size)
    }

    /// A part of a file; shorter where the file ends before.
    pub async fn range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        Ok(self.files.get_range(&Path::from(key), range).await?)
    }

    /// All of a file, piece by piece.
    pub async fn stream(&self, key: &str) -> Result<impl Stream<Item = Result<Bytes>> + Send + use<>> {
        let file = self.files.get(&Path::from(key)).await?;
        Ok(file.into_stream().map_err(Error::from).boxed())
    }

    /// Removes a file. One that is not there is removed already.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.files.delete(&Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes all files below a key, and what is left there of those that were never finished: of a bucket its own rule for
    /// uploads that were given up does that.
    pub async fn delete_below(&self, key: &str) -> Result<()> {
        if let Some(folder) = &self.folder {
            return match tokio::fs::remove_dir_all(folder.join(key)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let source = Box::new(error);
                    Err(object_store::Error::Generic { store: "folder", source }.into())
                }
                _ => Ok(()),
            };
        }
        let found = self.files.list(Some(&Path::from(key))).map_ok(|file| file.location).boxed();
        Ok(self.files.delete_stream(found).try_for_each(|_| std::future::ready(Ok(()))).await?)
    }

    /// Removes all files of a tenant; how many.
    pub async fn delete_all(&self, tenant: TenantId) -> Result<i64> {
        let mut removed = 0;
        for purpose in PURPOSES {
            let below = format!("{purpose}/{tenant}");
            let found = self.files.list(Some(&Path::from(below.as_str())));
            removed += found.try_fold(0, |count, _| std::future::ready(Ok(count + 1))).await?;
            self.delete_below(&below).await?;
        }
        Ok(removed)
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct Upload {
    parts: Option<WriteMultipart>,
    written: u64,
}

impl Upload {
    /// Adds bytes; waits while enough are on their way.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let parts = self.parts.as_mut().ok_or_else(|| Error::internal("a file was written after its end"))?;
        parts.wait_for_capacity(PARTS).await?;
        self.written += bytes.len() as u64;
        parts.put(bytes);
        Ok(())
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the file: it is there, all of it; how many bytes it has.
    pub async fn finish(mut self) -> Result<u64> {
        if let Some(parts) = self.parts.take() {
            parts.finish().await?;
        }
        Ok(self.written)
    }

    /// Forgets the file.
    pub async fn abort(mut self) {
        if let Some(parts) = self.parts.take()
            && let Err(error) = parts.abort().await
        {
            tracing::warn!(%error, "what was uploaded of a file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_there_when_it_is_finished() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(&folder.path().join("files").to_string_lossy()).expect("a storage");
        let mut upload = storage.upload("imports/a/file").await.expect("begun");
        upload.write(Bytes::from_static(b"one ")).await.expect("written");
        upload.write(Bytes::from(vec![b'x'; 11 << 20])).await.expect("written");
        assert!(storage.size("imports/a/file").await.is_err());
        let size = upload.finish().await.expect("finished");
        assert_eq!((size, storage.size("imports/a/file").await.expect("there")), (4 + (11 << 20), size));
        assert_eq!(&*storage.range("imports/a/file", 0..5).await.expect("a part"), b"one x");
        let pieces: Vec<Bytes> =
            storage.stream("imports/a/file").await.expect("a stream").try_collect().await.expect("read");
        assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>() as u64, size);
        storage.delete("imports/a/file").await.expect("removed");
        storage.delete("imports/a/file").await.expect("removed already");
        assert!(matches!(storage.size("imports/a/file").await, Err(Error::FileMissing)));
    }

    #[tokio::test]
    async fn a_file_that_is_given_up_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = Url::from_directory_path(folder.path()).expect("a URL");
        let storage = Storage::open(url.as_str()).expect("a storage");
        let mut upload = storage.upload("imports/b/file").await.expect("begun");
        upload.write(Bytes::from_static(b"one")).await.expect("written");
        upload.abort().await;
        assert!(storage.size("imports/b/file").await.is_err());
    }

    #[tokio::test]
    async fn all_below_a_key_can_be_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(&folder.path().to_string_lossy()).expect("a storage");
        for key in ["exports/a/1/file", "exports/a/2/file", "exports/b/1/file"] {
            let mut upload = storage.upload(key).await.expect("begun");
            upload.write(Bytes::from_static(b"one")).await.expect("written");
            upload.finish().await.expect("finished");
        }
        let unfinished = storage.upload("exports/a/3/file").await.expect("begun");
        let in_a_bucket = Storage { folder: None, ..storage.clone() };
        in_a_bucket.delete_below("exports/a/1").await.expect("removed");
        assert!(
            storage.size("exports/a/1/file").await.is_err() && storage.size("exports/a/2/file").await.is_ok()
        );
        storage.delete_below("exports/a").await.expect("removed");
        storage.delete_below("exports/a").await.expect("removed already");
        assert!(!folder.path().join("exports/a").exists());
        assert_eq!(storage.size("exports/b/1/file").await.expect("another's"), 3);
        unfinished.abort().await;
    }

    #[tokio::test]
    async fn all_files_of_a_tenant_go_and_nobody_elses() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(&folder.path().to_string_lossy()).expect("a storage");
        let (tenant, other) = (TenantId::new(), TenantId::new());
        let keys = |tenant: TenantId| {
            [
                format!("imports/{tenant}/a/file"),
                format!("imports/{tenant}/a/rows"),
                format!("exports/{tenant}/b"),
            ]
        };
        for key in keys(tenant).into_iter().chain(keys(other)) {
            let mut upload = storage.upload(&key).await.expect("begun");
            upload.write(Bytes::from_static(b"one")).await.expect("written");
            upload.finish().await.expect("finished");
        }
        assert_eq!(storage.delete_all(tenant).await.expect("removed"), 3);
        assert_eq!(storage.delete_all(tenant).await.expect("removed already"), 0);
        for key in keys(tenant) {
            assert!(matches!(storage.size(&key).await, Err(Error::FileMissing)), "{key}");
        }
        for key in keys(other) {
            assert_eq!(storage.size(&key).await.expect("there"), 3, "{key}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_used_is_named() {
        for (place, word) in [("ftp://files.example/a", "ftp"), ("/dev/null/files", "/dev/null/files")] {
            let error = Storage::open(place).expect_err(place);
            assert!(error.contains(word), "{error}");
        }
        assert!(Storage::open("s3://bucket/folder").is_ok());
    }
}
