//! From a request to an import: the file goes into the storage as it comes, then the import and its first job are committed
//! together. What is refused, or was imported before under the same key, leaves no file behind.

use std::time::Duration;

use bytes::Bytes;
use poem::web::Multipart;
use tenon_common::TenantTx;
use tenon_common::error::FieldError;
use tenon_common::id::{ImportId, ImportTemplateId, UploadId};
use tenon_common::import::format::HEAD;
use tenon_common::import::{
    self, File, FileFormat, NewImport, Object, Options, file, mapping, template, validate,
};
use tenon_common::rules;
use tenon_common::upload;
use tokio::io::AsyncReadExt;

use super::digest::Digest;
use super::options::OptionsInput;
use super::request::{Accepted, ImportRequest, Row, RowsInput};
use super::uploaded;
use crate::app::App;
use crate::calls::caller::{Caller, ImportsWrite};
use crate::calls::once::{Answered, OnceStreamed};
use crate::http::body::Body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;

/// Bytes of the part `options` at most.
const MAX_OPTIONS: usize = 1 << 20;
/// Bytes that are read of a file at once.
const PIECE: usize = 256 * 1024;
/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// What was received.
struct Received {
    options: OptionsInput,
    source: Option<Source>,
    digest: Digest,
}

/// Where the rows are.
enum Source {
    Sent(Sent),
    Upload(UploadId),
    Import(ImportId),
}

/// A file that is in the storage.
pub(super) struct Sent {
    pub(super) name: Option<String>,
    pub(super) bytes: u64,
    pub(super) head: Vec<u8>,
}

/// Takes a file in and makes its import.
pub(super) async fn import(
    app: &App,
    caller: &Caller<ImportsWrite>,
    once: OnceStreamed,
    prefer: Prefer,
    request: ImportRequest,
    object: Option<Object>,
) -> Result<Answered<Accepted>, ApiError> {
    let id = ImportId::new();
    let key = file::key(caller.actor.tenant, id);
    let made = accept(app, caller, id, &key, once, prefer, request, object).await;
    if made.as_ref().map_or(true, Answered::is_replayed)
        && let Err(error) = app.storage.delete(&key).await
    {
        tracing::warn!(%error, key, "the file of a refused import could not be removed");
    }
    made
}

#[expect(clippy::too_many_arguments, reason = "the request's parts, each of which is needed")]
async fn accept(
    app: &App,
    caller: &Caller<ImportsWrite>,
    id: ImportId,
    key: &str,
    once: OnceStreamed,
    prefer: Prefer,
    request: ImportRequest,
    object: Option<Object>,
) -> Result<Answered<Accepted>, ApiError> {
    let digest = Digest::new(&once);
    let Received { options, source, digest } = match request {
        ImportRequest::Parts(parts) => receive_parts(app, *parts, key, digest, prefer.lenient).await?,
        ImportRequest::Json(body) => receive_json(app, &body, key, digest, prefer.lenient).await?,
    };
    let source = source.ok_or_else(|| missing("file"))?;
    let options = settled(app, caller, options, object).await?;
    caller.require(options.object.permission())?;
    let once = once.of(digest.end());
    let (sent, upload) = match source {
        Source::Sent(sent) => (sent, None),
        Source::Import(other) => (copied(app, caller, other, key).await?, None),
        Source::Upload(upload) => match uploaded::join(app, &caller.actor, upload, key).await {
            Ok(sent) => (sent, Some(upload)),
            // It may be this very request, under its key, that has taken it.
            Err(refused) => {
                let refuse = async |_: &mut TenantTx<'_>| Err(refused);
                return once.write(app, caller, prefer, refuse).await;
            }
        },
    };
    let whole = sent.bytes <= sent.head.len() as u64;
    let columns = validate::first_look(&sent.head, whole, &options)?;
    let new = NewImport { id, options, file: File { name: sent.name, bytes: sent.bytes }, columns };
    let create = async |tx: &mut TenantTx<'_>| {
        if let Some(upload) = upload {
            upload::give(tx, upload, id).await?;
        }
        Ok(Accepted(import::create(tx, new).await?.into()))
    };
    let made = once.write(app, caller, prefer, create).await?;
    if let Some(upload) = upload
        && !made.is_replayed()
    {
        uploaded::clear(app, caller.actor.tenant, upload).await;
    }
    Ok(made)
}

/// The options, over those of the template that they name, with all that follows from them.
async fn settled(
    app: &App,
    caller: &Caller<ImportsWrite>,
    said: OptionsInput,
    object: Option<Object>,
) -> Result<Options, ApiError> {
    let base = match said.template_id {
        Some(template) => {
            let get = async |tx: &mut TenantTx<'_>| template::get(tx, ImportTemplateId(template)).await;
            Some(app.db.read(&caller.actor, get).await?)
        }
        None => None,
    };
    let mut options = said.over(base.as_ref().map(template::Template::options), object)?;
    mapping::settle(&mut options).map_err(below_options)?;
    Ok(options)
}

/// Errors of the options are about a member of the request.
fn below_options(error: tenon_common::Error) -> tenon_common::Error {
    match error {
        tenon_common::Error::Invalid(errors) => {
            let below =
                |error: FieldError| FieldError { pointer: format!("/options{}", error.pointer), ..error };
            tenon_common::Error::Invalid(errors.into_iter().map(below).collect())
        }
        other => other,
    }
}

fn missing(part: &str) -> Refusal {
    Refusal::new(Code::ValidationError).detail(part, "Required")
}

async fn receive_parts(
    app: &App,
    mut parts: Multipart,
    key: &str,
    mut digest: Digest,
    lenient: bool,
) -> Result<Received, ApiError> {
    let mut options = OptionsInput::default();
    let mut sent = None;
    while let Some(part) = next(&mut parts).await? {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "options" => {
                let text = read_up_to(part, MAX_OPTIONS).await?;
                digest.part(&name).add(&text);
                options = Body::<OptionsInput>::from_bytes(&text, lenient).map_err(Refusal::from)?;
            }
            "file" if sent.is_none() => {
                let file_name: Option<String> = part.file_name().map(|name| name.chars().take(255).collect());
                if let Some(Err((_, message))) = file_name.as_deref().map(rules::file_name) {
                    return Err(Refusal::new(Code::ValidationError).detail("file", message).into());
                }
                let (bytes, head) = store(app, part, key, digest.part(&name)).await?;
                sent = Some(Sent { name: file_name, bytes, head });
            }
            "file" => {
                return Err(Refusal::new(Code::ValidationError).detail("file", "Expected one file").into());
            }
            _ if lenient => {}
            other => {
                return Err(Refusal::new(Code::UnknownField)
                    .detail(other, "Expected options and file")
                    .into());
            }
        }
    }
    Ok(Received { options, source: sent.map(Source::Sent), digest })
}

type Part = poem::web::Field;

async fn next(parts: &mut Multipart) -> Result<Option<Part>, Refusal> {
    let next = tokio::time::timeout(SILENCE, parts.next_field()).await.map_err(|_| slow())?;
    next.map_err(|error| Refusal::new(Code::ValidationError).detail("body", error.to_string()))
}

/// The client has sent nothing for too long.
fn slow() -> Refusal {
    Refusal::new(Code::RequestTimeout)
}

fn cut() -> Refusal {
    Refusal::new(Code::ValidationError).detail("body", "The body ended before it was complete")
}

async fn read_up_to(part: Part, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    let mut reader = std::pin::pin!(part.into_async_read().take(most as u64 + 1));
    let read = tokio::time::timeout(SILENCE, reader.read_to_end(&mut text)).await.map_err(|_| slow())?;
    read.map_err(|_| cut())?;
    match text.len() > most {
        true => Err(Refusal::new(Code::PayloadTooLarge).detail("options", format!("At most {most} bytes"))),
        false => Ok(text),
    }
}

/// Puts a part into the storage; how many bytes, and the first of them.
async fn store(app: &App, part: Part, key: &str, digest: &mut Digest) -> Result<(u64, Vec<u8>), ApiError> {
    let mut upload = app.storage.upload(key).await?;
    let mut reader = std::pin::pin!(part.into_async_read());
    let mut head = Vec::new();
    let stored: Result<(), ApiError> = async {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let read = tokio::time::timeout(SILENCE, reader.read_buf(&mut piece)).await;
            if read.map_err(|_| slow())?.map_err(|_| cut())? == 0 {
                return Ok(());
            }
            let room = HEAD - head.len();
            head.extend_from_slice(&piece[..piece.len().min(room)]);
            if upload.written() + piece.len() as u64 > app.imports.bytes {
                let most = format!("A file has at most {} bytes", app.imports.bytes);
                return Err(Refusal::new(Code::PayloadTooLarge).detail("file", most).into());
            }
            digest.add(&piece);
            upload.write(Bytes::from(piece)).await?;
        }
    }
    .await;
    match stored {
        Ok(()) => Ok((upload.finish().await?, head)),
        Err(refused) => {
            upload.abort().await;
            Err(refused)
        }
    }
}

async fn receive_json(
    app: &App,
    body: &[u8],
    key: &str,
    mut digest: Digest,
    lenient: bool,
) -> Result<Received, ApiError> {
    digest.add(body);
    let input = Body::<RowsInput>::from_bytes(body, lenient).map_err(Refusal::from)?;
    let options = input.options.unwrap_or_default();
    let said = [input.rows.is_some(), input.upload_id.is_some(), input.import_id.is_some()];
    if said.iter().filter(|said| **said).count() > 1 {
        let expected = "Expected one of rows, uploadId and importId";
        return Err(Refusal::new(Code::ValidationError).detail("rows", expected).into());
    }
    if let Some(rows) = input.rows {
        let (options, sent) = store_rows(app, options, rows, key).await?;
        return Ok(Received { options, source: Some(Source::Sent(sent)), digest });
    }
    let upload = input.upload_id.map(|upload| Source::Upload(UploadId(upload)));
    match upload.or(input.import_id.map(|import| Source::Import(ImportId(import)))) {
        Some(source) => Ok(Received { options, source: Some(source), digest }),
        None => {
            let expected = "Required: rows, the uploadId of a file, or the importId of an import";
            Err(Refusal::new(Code::ValidationError).detail("rows", expected).into())
        }
    }
}

/// The file of another import, once more.
async fn copied(app: &App, caller: &Caller<ImportsWrite>, id: ImportId, key: &str) -> Result<Sent, ApiError> {
    let other = app.db.read(&caller.actor, async |tx| import::get(tx, id).await).await?;
    caller.require(other.options().object.permission())?;
    let (bytes, head) = file::copy(&app.storage, &other, key, HEAD).await?;
    Ok(Sent { name: other.file_name, bytes, head })
}

/// Writes rows as a file of them.
async fn store_rows(
    app: &App,
    mut options: OptionsInput,
    rows: Vec<Row>,
    key: &str,
) -> Result<(OptionsInput, Sent), ApiError> {
    if options.format.is_some_and(|format| FileFormat::from(format) != FileFormat::Ndjson) {
        return Err(Refusal::new(Code::ValidationError).detail("options.format", "The rows are JSON").into());
    }
    options.format = None;
    let mut lines = Vec::new();
    for row in rows {
        let row: serde_json::Map<_, _> = row.into_iter().map(|(name, value)| (name, value.0)).collect();
        serde_json::to_writer(&mut lines, &row).map_err(tenon_common::Error::internal)?;
        lines.push(b'\n');
    }
    let head = lines[..lines.len().min(HEAD)].to_vec();
    let mut upload = app.storage.upload(key).await?;
    upload.write(Bytes::from(lines)).await?;
    let bytes = upload.finish().await?;
    Ok((options, Sent { name: None, bytes, head }))
}
