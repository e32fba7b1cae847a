//! Uploads, as they are asked for and shown.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::upload::{State, Upload, UploadDraft};
use uuid::Uuid;

use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// Where an upload stands.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum UploadState {
    /// Something is missing.
    Uploading,
    /// All of it is there: it can be imported.
    Complete,
    /// An import has taken it.
    Imported,
}

/// A file that comes in pieces.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Upload", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct UploadBody {
    /// The upload's id: `uploadId` of an import.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// Where it stands.
    pub state: UploadState,
    /// The file's name, if one was said.
    #[oai(nullable)]
    pub file_name: Option<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes that are there: where the next piece begins.
    pub received: u64,
    /// The import that has taken it.
    #[oai(nullable)]
    pub import_id: Option<Uuid>,
    /// When it is removed: 24 hours after the last piece.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Who began it.
    pub created_by: ActorBody,
}

impl From<Upload> for UploadBody {
    fn from(upload: Upload) -> Self {
        let state = match upload.state() {
            State::Uploading => UploadState::Uploading,
            State::Complete => UploadState::Complete,
            State::Imported => UploadState::Imported,
        };
        Self {
            state,
            bytes: upload.bytes(),
            received: upload.received(),
            id: upload.id.0,
            tenant_id: upload.tenant_id.0,
            file_name: upload.file_name,
            import_id: upload.import_id.map(|import| import.0),
            expires_at: upload.expires_at.into(),
            created_at: upload.created_at.into(),
            created_by: upload.created_by.into(),
        }
    }
}

/// A file that will come.
#[derive(Object, Debug)]
#[oai(rename = "UploadInput", rename_all = "camelCase", example)]
pub struct UploadInput {
    /// The file's name, without control characters.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub file_name: Option<String>,
    /// How many bytes it has.
    #[oai(validator(minimum(value = "1")))]
    pub bytes: u64,
}

impl Example for UploadInput {
    fn example() -> Self {
        Self { file_name: Some("contacts.csv".to_owned()), bytes: 1_048_576 }
    }
}

impl From<UploadInput> for UploadDraft {
    fn from(input: UploadInput) -> Self {
        Self { file_name: input.file_name, bytes: input.bytes }
    }
}
