//! Receiving a piece: its bytes go into the storage as they come, and count as soon as they are there. What arrives before a
//! connection breaks off counts too.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use poem::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tenon_common::id::UploadId;
use tenon_common::upload::{self, Upload};
use tenon_common::{Error, TenantTx};

use super::UploadOffset;
use crate::app::App;
use crate::calls::caller::{Caller, ImportsWrite};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::refusal::Refusal;

/// After so many bytes what has come counts, so that a server that dies loses no more of a long piece.
const COUNTED: u64 = 64 << 20;
/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(30);

const OCTETS: &str = "application/octet-stream";

/// Bytes of a file: not read yet.
pub struct Piece {
    body: poem::Body,
    declared: Option<u64>,
}

impl<'a> ApiExtractor<'a> for Piece {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let content = vec![MetaMediaType { content_type: OCTETS, schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let refuse = |header: &str, expected: &str| {
            Err(Refusal::new(Code::UnsupportedMediaType).detail(header, expected).into())
        };
        let essence = request.content_type().and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(OCTETS) {
            return refuse("Content-Type", "Expected application/octet-stream");
        }
        if request.header(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
        {
            return refuse("Content-Encoding", "Expected the bytes as they are in the file");
        }
        let declared = request.header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        Ok(Self { body: body.take()?, declared })
    }
}

/// How the receiving of a piece ended.
enum Ended {
    /// There is more to come, of what was not counted yet.
    NotYet,
    /// With the end of the body.
    Whole,
    /// Before it: the connection broke off.
    Cut,
    /// Before it: the client fell silent.
    Silent,
}

/// Takes a piece in; the upload as it stands then.
pub(super) async fn append(
    app: &App,
    caller: &Caller<ImportsWrite>,
    id: UploadId,
    offset: UploadOffset,
    piece: Piece,
) -> Result<Upload, ApiError> {
    let get = async |tx: &mut TenantTx<'_>| upload::get(tx, id).await;
    let mut upload = app.db.read(&caller.actor, get).await?;
    upload.expect(offset.0)?;
    if piece.declared.is_some_and(|length| length > upload.missing()) {
        return Err(too_long(&upload).into());
    }
    let mut bytes = std::pin::pin!(piece.body.into_bytes_stream());
    loop {
        let (stored, ended) = store(app, &upload, &mut bytes).await?;
        if let Some(stored) = stored {
            upload = count(app, caller, &upload, &stored).await?;
        }
        match ended {
            Ended::NotYet => upload.expect(upload.received())?,
            Ended::Whole => return Ok(upload),
            Ended::Cut => return Err(cut(&upload).into()),
            Ended::Silent => return Err(slow(&upload).into()),
        }
    }
}

/// Puts what comes into a file of its own, up to where it is counted; nothing where nothing came.
async fn store(
    app: &App,
    upload: &Upload,
    bytes: &mut (impl Stream<Item = std::io::Result<Bytes>> + Unpin),
) -> Result<(Option<upload::Piece>, Ended), ApiError> {
    let piece = upload::Piece::next(upload);
    let mut file = app.storage.upload(&piece.key(upload)).await?;
    let stored: Result<Ended, ApiError> = async {
        while file.written() < COUNTED {
            match tokio::time::timeout(SILENCE, bytes.next()).await {
                Ok(Some(Ok(some))) if file.written() + some.len() as u64 > upload.missing() => {
                    return Err(too_long(upload).into());
                }
                Ok(Some(Ok(some))) => file.write(some).await?,
                Ok(Some(Err(_))) => return Ok(Ended::Cut),
                Err(_) => return Ok(Ended::Silent),
                Ok(None) => return Ok(Ended::Whole),
            }
        }
        Ok(Ended::NotYet)
    }
    .await;
    match stored {
        Ok(ended) if file.written() > 0 => Ok((Some(piece.written(file.finish().await?)?), ended)),
        nothing => {
            file.abort().await;
            Ok((None, nothing?))
        }
    }
}

/// Counts what is in the storage, unless somebody else's piece was counted meanwhile.
async fn count(
    app: &App,
    caller: &Caller<ImportsWrite>,
    upload: &Upload,
    piece: &upload::Piece,
) -> Result<Upload, ApiError> {
    let advance = async |tx: &mut TenantTx<'_>| upload::advance(tx, upload.id, piece).await;
    let counted = app.db.write(&caller.actor, advance).await;
    // After any other failure it may have been counted: then the file must stay.
    if let Err(Error::Offset { .. } | Error::Conflict(_) | Error::NotFound(_)) = &counted {
        let key = piece.key(upload);
        if let Err(error) = app.storage.delete(&key).await {
            tracing::warn!(%error, key, "a piece that does not count could not be removed");
        }
    }
    Ok(counted?)
}

fn too_long(upload: &Upload) -> Refusal {
    Refusal::new(Code::PayloadTooLarge)
        .detail("body", format!("Of the file {} bytes are missing", upload.missing()))
        .detail("received", upload.received().to_string())
}

fn slow(upload: &Upload) -> Refusal {
    Refusal::new(Code::RequestTimeout).detail("received", upload.received().to_string())
}

fn cut(upload: &Upload) -> Refusal {
    Refusal::new(Code::ValidationError)
        .detail("body", "The body ended before it was complete; what came is kept")
        .detail("received", upload.received().to_string())
}
