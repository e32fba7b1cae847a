//! What the domain refuses, and what can fail. The API turns each into an answer in one exhaustive match, so a new refusal
//! does not compile until it has a status.

use uuid::Uuid;

use crate::entity::EntityKind;
use crate::filter::FilterError;
use crate::role::{Permission, UnknownRole};

/// The result of everything in this crate that may be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such record, or it is another tenant's, or it is deleted: a caller cannot tell which.
    #[error("{} not found", .0.title())]
    NotFound(EntityKind),
    /// The record exists, and what was asked does not go with what is there.
    #[error("{}", .0.message)]
    Conflict(Conflict),
    /// Fields that break a rule, all of them.
    #[error("Validation failed")]
    Invalid(Vec<FieldError>),
    /// The columns of a file do not fit the fields, all that is wrong with them.
    #[error("The mapping does not fit the file")]
    Mapping(Vec<FieldError>),
    /// A file that cannot be read or written: a code, and words.
    #[error("{1}")]
    File(&'static str, String),
    /// The list, sort or cursor that was asked for is wrong.
    #[error("{message}")]
    Query {
        /// Which part of the query.
        code: QueryCode,
        /// The parameter's name.
        parameter: &'static str,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// The filter that was asked for is wrong.
    #[error("{0}")]
    Filter(FilterError),
    /// The webhook's address may not be delivered to.
    #[error("The webhook's URL was rejected: {reason}")]
    AddressRejected {
        /// A stable name: `private_address`, `not_https`, …
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// The caller's role or scopes do not allow it.
    #[error("Forbidden")]
    Forbidden(String),
    /// The caller lacks a permission that what was asked for takes beside the operation's own.
    #[error("Forbidden")]
    Lacks {
        /// Which.
        permission: Permission,
        /// Whether its role would allow it, and its key's scopes do not.
        by_scope: bool,
    },
    /// There would be more of something than the tenant, or the user, may have.
    #[error("{message}")]
    Quota {
        /// Of what, as `GET /limits` calls it.
        quota: &'static str,
        /// How much of it there may be.
        most: i64,
        /// For people.
        message: String,
    },
    /// The record has changed since the caller read it.
    #[error("The record has changed since you read it")]
    Stale {
        /// The version it has now.
        current: i64,
    },
    /// A piece of an upload does not begin where the last one ended.
    #[error("The next piece begins at byte {received}")]
    Offset {
        /// Where that is.
        received: u64,
    },
    /// Another request under the same idempotency key is under way.
    #[error("A request with this idempotency key is under way")]
    IdempotencyInProgress,
    /// The idempotency key was another request's.
    #[error("The idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// What all or nothing was asked for failed for the sake of one item.
    #[error("item {index}: {error}")]
    Item {
        /// Its place, from 0.
        index: usize,
        /// Why.
        error: Box<Error>,
    },
    /// What was asked for was kept for a while, which is over.
    #[error("{0}")]
    Expired(&'static str),
    /// The database took longer than a request may.
    #[error("The query took too long")]
    Timeout,
    /// The database cannot be reached, or gave up for a reason that a retry may cure.
    #[error("A service that this needs is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The storage of files cannot be reached, or refuses.
    #[error("the storage of files is not available: {0}")]
    Storage(#[source] object_store::Error),
    /// A file that should be in the storage is not.
    #[error("a file is missing in the storage")]
    FileMissing,
    /// A bug of ours, or a broken installation.
    #[error("internal error: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A conflict's code, words, and the record that is in the way.
#[derive(Debug)]
pub struct Conflict {
    /// The error's code.
    pub code: ConflictCode,
    /// For people.
    pub message: String,
    /// The field whose value is taken.
    pub field: Option<&'static str>,
    /// The record that has it.
    pub with: Option<Uuid>,
}

/// The conflicts of a 409.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictCode {
    /// A value that must be unique is taken.
    Duplicate,
    /// A restore would bring back a value that is taken by now.
    RestoreConflict,
    /// The record's state does not allow the action.
    StateConflict,
    /// There are leads in a stage that was to be removed.
    StageInUse,
    /// A tenant's slug is taken, reserved or was once used.
    SlugTaken,
}

/// What a query refused with 400 was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryCode {
    /// A parameter outside its range, or two that exclude each other.
    Parameter,
    /// A sort that is not offered.
    Sort,
    /// A cursor that this server did not make.
    Cursor,
    /// A cursor that was made for another query.
    CursorMismatch,
    /// A cursor behind which something is missing by now.
    CursorExpired,
}

/// One field that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// Which rule: `REQUIRED`, `INVALID_EMAIL`, …
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl FieldError {
    /// A broken rule of a field of the body's top level.
    pub fn new(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: format!("/{field}"), code, message: message.into() }
    }

    /// The field's name as `details` shows it: the pointer without its first slash, levels parted by dots.
    pub fn field(&self) -> String {
        self.pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
    }
}

impl Error {
    /// A bug or a broken installation, with its cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// A value that must be unique is taken, by whom is known or not.
    pub fn duplicate(field: &'static str, with: Option<Uuid>) -> Self {
        let message = format!("Another record has this {field}");
        Self::Conflict(Conflict { code: ConflictCode::Duplicate, message, field: Some(field), with })
    }

    /// Whether the database broke a transaction off that may well go through when it is tried again: serialization, deadlock.
    pub(crate) fn is_for_the_sake_of_others(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("40001" | "40P01"))
    }

    /// The record's state does not allow the action.
    pub fn state(message: impl Into<String>) -> Self {
        Self::Conflict(Conflict {
            code: ConflictCode::StateConflict,
            message: message.into(),
            field: None,
            with: None,
        })
    }
}

/// SQLSTATE classes and codes, from PostgreSQL's appendix A.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.code().as_deref() {
                // query_canceled (statement_timeout), lock_not_available (lock_timeout)
                Some("57014" | "55P03") => Self::Timeout,
                // connection exceptions, serialization, deadlock, shutdown, too many connections, cannot execute in recovery
                Some(code)
                    if code.starts_with("08")
                        || matches!(
                            code,
                            "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "53300" | "25006"
                        ) =>
                {
                    Self::Unavailable(error)
                }
                _ => Self::internal(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_) => Self::Unavailable(error),
            _ => Self::internal(error),
        }
    }
}

impl From<UnknownRole> for Error {
    fn from(unknown: UnknownRole) -> Self {
        Self::internal(unknown)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::FileMissing,
            error => Self::Storage(error),
        }
    }
}

/// The name of the constraint that a statement broke, if that is what happened. Uniqueness is left to the database; the
/// caller turns the name into the refusal.
pub(crate) fn broken_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}
