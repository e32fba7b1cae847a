//! `/changes`: everything that happens in the organization, from a place on; as pages, as pages that wait, and as a stream.

mod answer;
mod poll;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Query};
use tenon_common::error::{Error, QueryCode};
use tenon_common::feed::{self, Portion, Start, Types};

use crate::app::App;
use crate::calls::caller::{Caller, ChangesRead, Pass};
use crate::http::error::ApiError;
use crate::http::request::REQUEST_DEADLINE;
use crate::http::sse;
use crate::openapi::tags::Tags;
use answer::Followed;
use poll::Reader;

/// Where the feed is.
pub const PATH: &str = "/api/v1/changes";
/// The longest that a request waits for something to come.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// The deadline of its requests.
pub const LONGEST: Duration = MAX_WAIT.saturating_add(REQUEST_DEADLINE);
/// A page ends with the event that makes it so long.
const MAX_BYTES: i64 = 4 << 20;

/// The operations.
pub struct ChangesApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Changes")]
impl ChangesApi {
    /// Follow all changes
    ///
    /// Every event of the organization, in an order that is the same for everybody, with the bodies that webhooks get; also the
    /// types that webhooks cannot subscribe to. Begin without `after` for the oldest event that is kept, or with `after=now`, and
    /// go on with `nextCursor`: nothing is left out, and nothing comes twice. `nextCursor` is always there, and moves on over
    /// what `types` leaves out. It does not depend on `types` and `limit`.
    ///
    /// With `wait` the answer comes as soon as there is something, or empty after so many seconds. With `Accept: text/event-stream`
    /// it is a stream of Server-Sent Events that does not end by itself: `id` is the cursor behind the event, `event` its type,
    /// `data` its body. A client that comes back with `Last-Event-ID` goes on behind that event. A stream has a comment at
    /// least every 15 seconds; it ends when the credential does, and when the server is stopped. Events are in the version of the API in
    /// which the request is made, unless they are older than that.
    ///
    /// An event appears once all transactions that began before its own are over: usually within milliseconds. Events are
    /// kept for at least 30 days, unless the operator chose otherwise. A cursor behind which something is missing is answered 410 `CURSOR_EXPIRED`: take `after=now`, read
    /// the lists, then go on from that cursor. Organizations have a limited number of readers that wait or stream, beyond which
    /// the answer is 429. Needs `changes:read`, and to read what an event tells of: `contacts:read` for `contact.*`, `api-keys:manage` for
    /// `api_key.*`. Events that you may not read are left out; a type that you name in `types` and may not read is refused with 403.
    #[oai(path = "/changes", method = "get", operation_id = "list_changes")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<ChangesRead>,
        app: Data<&Arc<App>>,
        request: &Request,
        /// `nextCursor` of the page before, or `now`: with what happens from now on.
        after: Query<Option<String>>,
        /// Types of events, parted by commas: `contact.created`, or `contact.*` for all of an object. All if absent.
        types: Query<Option<String>>,
        /// Events at most, 1 to 1,000; 200 if absent. There are fewer where their bodies are large, or where `types` leaves out
        /// many. Not for streams.
        limit: Query<Option<u32>>,
        /// How many seconds to wait for something to come, 0 to 30; 0 if absent. Not for streams.
        wait: Query<Option<u32>>,
        /// Of a stream: the `id` of the last event that came, in place of `after`.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
    ) -> Result<Followed, ApiError> {
        let streams = sse::is_wanted(request.headers());
        let tenant = caller.actor.tenant;
        let parse = |name, text: &str| Start::parse(&app.cursors, tenant, name, text);
        let last = last_event_id.as_deref().filter(|id| streams && !id.is_empty());
        let start = match (last, after.as_deref()) {
            (Some(id), _) => parse("Last-Event-ID", id)?,
            (None, Some(after)) => parse("after", after)?,
            (None, None) => Start::Oldest,
        };
        let types = types.as_deref().map_or_else(|| Ok(Types::default()), Types::parse)?;
        let limit = within(limit.unwrap_or(feed::DEFAULT_LIMIT), 1..=feed::MAX_LIMIT, "limit", "1 to 1,000")?;
        let wait = within(wait.unwrap_or(0), 0..=30, "wait", "0 to 30 seconds")?;
        let version = caller.version(app.versions);
        let reader = Reader { app: app.0.clone(), pass: Pass::of(&caller, request), types, version };
        if streams {
            return Ok(Followed(stream::open(reader, &caller, start).await?));
        }
        let portion = Portion { events: limit, bytes: MAX_BYTES };
        let page = reader.poll(&caller, start, portion, Duration::from_secs(wait.into())).await?;
        Ok(Followed(answer::page(&page, &app, tenant, version)))
    }
}

fn within(
    number: u32,
    range: std::ops::RangeInclusive<u32>,
    parameter: &'static str,
    words: &str,
) -> Result<u32, Error> {
    if range.contains(&number) {
        return Ok(number);
    }
    let message = format!("{parameter} is a number from {words}");
    Err(Error::Query { code: QueryCode::Parameter, parameter, message })
}
