//! Every error code, with its status, its meaning, and whether trying again helps. `GET /api/v1/errors` lists them.

use poem::http::StatusCode;

macro_rules! codes {
    ($($name:ident = $text:literal, $status:ident, $title:literal, $retry:literal, $meaning:literal;)+) => {
        /// An error's code: the contract. The words beside it may change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $meaning] $name),+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$name),+];

            /// `VALIDATION_ERROR`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The status that it comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// A few words for people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// What it means and what to do.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),+ }
            }

            /// Whether the same request may succeed later.
            pub fn retryable(self) -> bool {
                match self { $(Self::$name => $retry),+ }
            }
        }
    };
}

codes! {
    ValidationError = "VALIDATION_ERROR", BAD_REQUEST, "Validation failed", false,
        "Fields or parameters break a rule; `details` has a message for each, `errors` all of them with JSON pointers.";
    MalformedJson = "MALFORMED_JSON", BAD_REQUEST, "Malformed JSON", false, "The body is not JSON, or names a field twice.";
    UnknownField = "UNKNOWN_FIELD", BAD_REQUEST, "Unknown field", false,
        "The body has fields that the operation does not know. `Prefer: handling=lenient` ignores them.";
    InvalidFilter = "INVALID_FILTER", BAD_REQUEST, "Invalid filter", false,
        "The filter cannot be read, or the list has no such field; `details` says where and what was expected.";
    InvalidSort = "INVALID_SORT", BAD_REQUEST, "Invalid sort", false, "The list cannot be sorted that way.";
    InvalidCursor = "INVALID_CURSOR", BAD_REQUEST, "Invalid cursor", false, "The cursor is not one that this server gave out.";
    CursorMismatch = "CURSOR_MISMATCH", BAD_REQUEST, "Cursor mismatch", false,
        "The cursor belongs to a query with other filters or another sort.";
    InvalidId = "INVALID_ID", BAD_REQUEST, "Invalid id", false, "An id in the path has not the form of an id.";
    Unauthenticated = "UNAUTHENTICATED", UNAUTHORIZED, "Authentication required", false,
        "No credential, or none that is known here.";
    TokenExpired = "TOKEN_EXPIRED", UNAUTHORIZED, "The access token has expired", false, "Get a new access token.";
    TokenRevoked = "TOKEN_REVOKED", UNAUTHORIZED, "The access token was revoked", false, "Log in again.";
    InvalidCredentials = "INVALID_CREDENTIALS", UNAUTHORIZED, "Email or password is wrong", false,
        "The login failed; whether the account exists is not told.";
    ApiKeyExpired = "API_KEY_EXPIRED", UNAUTHORIZED, "The API key has expired", false, "Use or create another key.";
    Forbidden = "FORBIDDEN", FORBIDDEN, "Forbidden", false, "The caller may not do this.";
    InsufficientScope = "INSUFFICIENT_SCOPE", FORBIDDEN, "Forbidden", false,
        "The API key lacks a scope; `details.required` names the permission.";
    RoleTooLow = "ROLE_TOO_LOW", FORBIDDEN, "Forbidden", false,
        "The caller's role lacks a permission; `details.required` names it.";
    AccountSuspended = "ACCOUNT_SUSPENDED", FORBIDDEN, "The account is suspended", false, "An administrator can reactivate it.";
    IpNotAllowed = "IP_NOT_ALLOWED", FORBIDDEN, "The address is not allowed", false,
        "The API key may not be used from this address.";
    NotFound = "NOT_FOUND", NOT_FOUND, "Not found", false,
        "There is no such record or path. Records of other organizations and deleted ones are not found either.";
    MethodNotAllowed = "METHOD_NOT_ALLOWED", METHOD_NOT_ALLOWED, "Method not allowed", false,
        "The path exists; `Allow` lists its methods.";
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", PAYLOAD_TOO_LARGE, "Payload too large", false, "The body is longer than allowed.";
    UriTooLong = "URI_TOO_LONG", URI_TOO_LONG, "URI too long", false, "The path and query are longer than 8 KiB.";
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", false,
        "The body must be application/json.";
    Duplicate = "DUPLICATE", CONFLICT, "Duplicate", false,
        "A value that must be unique is taken; `details.conflictId` is the record that has it.";
    RestoreConflict = "RESTORE_CONFLICT", CONFLICT, "Restore conflict", false,
        "A unique value of the deleted record is taken by now; `details.conflictId` is the record that has it.";
    StateConflict = "STATE_CONFLICT", CONFLICT, "State conflict", false, "The record's state does not allow this.";
    StageInUse = "STAGE_IN_USE", CONFLICT, "Stage in use", false,
        "There are leads in a stage that was to be removed; `moveTo` says which stage they go to.";
    SlugTaken = "SLUG_TAKEN", CONFLICT, "Slug taken", false, "Another organization has or had this slug.";
    IdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS", CONFLICT, "A request with this idempotency key is under way", true,
        "The first request with this `Idempotency-Key` has not ended; try again after the seconds of `Retry-After`.";
    TenantRequired = "TENANT_REQUIRED", CONFLICT, "Choose an organization", false,
        "The user is a member of several organizations; `details` lists their slugs and names. Send one as `organization`.";
    CursorExpired = "CURSOR_EXPIRED", GONE, "The cursor has expired", false,
        "What follows the cursor is not kept any more; `details` says how to begin anew.";
    Expired = "EXPIRED", GONE, "Kept no longer", false,
        "What was asked for was kept for a while only, which is over.";
    VersionConflict = "VERSION_CONFLICT", PRECONDITION_FAILED, "The record has changed since you read it", false,
        "`If-Match` names another version; `details.currentVersion` is the one it has.";
    PreconditionRequired = "PRECONDITION_REQUIRED", PRECONDITION_REQUIRED, "A version is required", false,
        "The organization's setting `requireIfMatch` asks for `If-Match`: the `ETag` that you have, or `*` for any version.";
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", UNPROCESSABLE_ENTITY, "The idempotency key was used for another request", false,
        "The `Idempotency-Key` was sent with another body or query, or with another role, within 24 hours; use a new one for a new request.";
    ImportMappingInvalid = "IMPORT_MAPPING_INVALID", UNPROCESSABLE_ENTITY, "The mapping does not fit the file", false,
        "`errors` names each column and field that does not fit; the file's own columns are in the messages.";
    WebhookUrlRejected = "WEBHOOK_URL_REJECTED", UNPROCESSABLE_ENTITY, "The webhook's URL was rejected", false,
        "Deliveries may not go to this address; `details.reason` says why.";
    RateLimited = "RATE_LIMITED", TOO_MANY_REQUESTS, "Too many requests", true,
        "Wait for the seconds of `Retry-After`; `details.policy` names the limit.";
    QuotaExceeded = "QUOTA_EXCEEDED", TOO_MANY_REQUESTS, "Too many of them", false,
        "There are as many of something as the plan allows: `details.quota` says of what, as `GET /limits` lists it, `details.limit` how many.";
    Internal = "INTERNAL", INTERNAL_SERVER_ERROR, "Internal error", true,
        "A fault of the server; it is logged under the request's id.";
    QueryTimeout = "QUERY_TIMEOUT", SERVICE_UNAVAILABLE, "The query took too long", true,
        "Ask for less at once, or try again.";
    DependencyUnavailable = "DEPENDENCY_UNAVAILABLE", SERVICE_UNAVAILABLE, "A service that this needs is not available", true,
        "Try again after the seconds of `Retry-After`.";
}

impl Code {
    /// The code of a name; `INTERNAL` for one that is none.
    pub fn of_name(name: &str) -> Self {
        Self::ALL.iter().copied().find(|code| code.name() == name).unwrap_or(Self::Internal)
    }
}
