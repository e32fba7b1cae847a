//! Lists: what was asked for, and where the next page begins.
//!
//! A cursor is base64url of: version (1 byte), the hash of the query it belongs to (8 bytes), the last row's sort key, and 8
//! bytes of HMAC-SHA-256 over all of that. It is opaque to clients, and a forged or a foreign one is refused. Version 1 has a
//! time and an id, version 2 the values of any sort ([`crate::list`]), version 3 a place in the change feed ([`crate::feed`]).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::error::{Error, QueryCode, Result};
use crate::secret::{MasterKey, Purpose};

/// The most rows of a page.
pub const MAX_PAGE: u32 = 200;
/// The rows of a page when nothing is said.
pub const DEFAULT_PAGE: u32 = 20;
/// `page` × `pageSize` reaches this far.
pub const MAX_PAGED_ROWS: u64 = 10_000;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window<K = SortKey> {
    /// By number, counted from 1, with the total.
    Page {
        /// Which.
        page: u32,
        /// How many rows.
        size: u32,
    },
    /// What follows a row, without a total.
    After {
        /// The last row that the caller has; none for the first page.
        last: Option<K>,
        /// How many rows.
        limit: u32,
    },
}

/// Where a row stands in a list that is sorted by time and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// To the microsecond, as the database keeps it.
    pub at: DateTime<Utc>,
    /// Tells rows of the same instant apart.
    pub id: Uuid,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are in all; known when asked for by page.
    pub total: Option<i64>,
    /// Whether more follow.
    pub has_more: bool,
}

/// The query parameters of paging, as they came.
#[derive(Clone, Debug, Default)]
pub struct PageQuery {
    /// `page`.
    pub page: Option<u32>,
    /// `pageSize`.
    pub page_size: Option<u32>,
    /// `limit`.
    pub limit: Option<u32>,
    /// `cursor`.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// Checks the parameters. `query` is the text that a cursor belongs to: resource, filters, sort.
    pub fn window(&self, cursors: &Cursors, query: &str) -> Result<Window> {
        self.window_by(|cursor| cursors.read(cursor, query))
    }

    /// Checks the parameters; `read` reads the cursor.
    pub(crate) fn window_by<K>(&self, read: impl FnOnce(&str) -> Result<K>) -> Result<Window<K>> {
        let by_page = self.page.is_some() || self.page_size.is_some();
        let by_cursor = self.limit.is_some() || self.cursor.is_some();
        if by_page && by_cursor {
            return Err(refused("page", "Use either page and pageSize, or limit and cursor, not both"));
        }
        if by_cursor {
            let limit = within(self.limit.unwrap_or(DEFAULT_PAGE), "limit")?;
            let last = self.cursor.as_deref().map(read).transpose()?;
            return Ok(Window::After { last, limit });
        }
        let page = self.page.unwrap_or(1);
        let size = within(self.page_size.unwrap_or(DEFAULT_PAGE), "pageSize")?;
        if page < 1 {
            return Err(refused("page", "page counts from 1"));
        }
        if u64::from(page) * u64::from(size) > MAX_PAGED_ROWS {
            return Err(refused(
                "page",
                "page × pageSize reaches 10,000 records; use limit and cursor to go further",
            ));
        }
        Ok(Window::Page { page, size })
    }
}

fn within(size: u32, parameter: &'static str) -> Result<u32> {
    if (1..=MAX_PAGE).contains(&size) {
        return Ok(size);
    }
    Err(refused(parameter, &format!("{parameter} is a number from 1 to {MAX_PAGE}")))
}

fn refused(parameter: &'static str, message: &str) -> Error {
    Error::Query { code: QueryCode::Parameter, parameter, message: message.to_owned() }
}

impl Window {
    /// The row to begin after.
    pub(crate) fn last(&self) -> Option<SortKey> {
        match self {
            Self::Page { .. } => None,
            Self::After { last, .. } => *last,
        }
    }
}

impl<K> Window<K> {
    /// Rows to fetch: one more than wanted, to know whether more follow.
    pub(crate) fn fetch(&self) -> i64 {
        match self {
            Self::Page { size, .. } => i64::from(*size) + 1,
            Self::After { limit, .. } => i64::from(*limit) + 1,
        }
    }

    /// Rows to skip.
    pub(crate) fn offset(&self) -> i64 {
        match self {
            Self::Page { page, size } => i64::from(page - 1) * i64::from(*size),
            Self::After { .. } => 0,
        }
    }

    /// Whether the total is wanted.
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Self::Page { .. })
    }
}

impl<T> Page<T> {
    /// A page of the rows that [`Window::fetch`] asked for.
    pub(crate) fn of<K>(mut items: Vec<T>, total: Option<i64>, window: &Window<K>) -> Self {
        let wanted = usize::try_from(window.fetch() - 1).unwrap_or_default();
        let has_more = items.len() > wanted;
        items.truncate(wanted);
        Self { items, total, has_more }
    }
}

/// Makes and reads cursors.
#[derive(Clone)]
pub struct Cursors {
    key: Hmac<Sha256>,
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors(…)")
    }
}

/// The forms of a cursor, by what they have between the query's hash and the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A [`SortKey`]: microseconds and the id.
    TimeAndId = 1,
    /// The values of a sort, as JSON.
    Values = 2,
    /// A place in the change feed.
    Place = 3,
}

/// The version and the hash of the query.
const HEAD: usize = 1 + 8;
const MAC: usize = 8;

impl Cursors {
    /// Cursors signed with the installation's key.
    pub fn new(master: &MasterKey) -> Self {
        let key = master.derive(Purpose::Cursor);
        Self { key: Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length") }
    }

    /// The cursor of what follows a row of a query.
    pub fn make(&self, query: &str, last: SortKey) -> String {
        let mut key = last.at.timestamp_micros().to_be_bytes().to_vec();
        key.extend_from_slice(last.id.as_bytes());
        self.seal(Form::TimeAndId, query, &key)
    }

    fn read(&self, cursor: &str, query: &str) -> Result<SortKey> {
        let key = self.open(Form::TimeAndId, cursor, query)?;
        let (micros, id) = key.split_first_chunk().ok_or_else(invalid)?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros)).ok_or_else(invalid)?;
        let id = Uuid::from_slice(id).map_err(|_| invalid())?;
        Ok(SortKey { at, id })
    }

    /// A cursor of a query with this key.
    pub(crate) fn seal(&self, form: Form, query: &str, key: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(HEAD + key.len() + MAC);
        bytes.push(form as u8);
        bytes.extend_from_slice(&hash(query));
        bytes.extend_from_slice(key);
        let mac = self.mac(&bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The key of a cursor that was made for this query.
    pub(crate) fn open(&self, form: Form, cursor: &str, query: &str) -> Result<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (body, mac) = bytes.split_last_chunk::<MAC>().ok_or_else(invalid)?;
        if body.len() < HEAD || !bool::from(self.mac(body).as_slice().ct_eq(mac)) {
            return Err(invalid());
        }
        if body[1..HEAD] != hash(query) {
            return Err(Error::Query {
                code: QueryCode::CursorMismatch,
                parameter: "cursor",
                message: "The cursor belongs to a query with other filters or another sort".to_owned(),
            });
        }
        if body[0] != form as u8 {
            return Err(invalid());
        }
        bytes.truncate(bytes.len() - MAC);
        bytes.drain(..HEAD);
        Ok(bytes)
    }

    fn mac(&self, bytes: &[u8]) -> [u8; MAC] {
        let mut mac = self.key.clone();
        mac.update(bytes);
        mac.finalize().into_bytes()[..MAC].try_into().expect("a SHA-256 has more than eight bytes")
    }
}

pub(crate) fn invalid() -> Error {
    Error::Query {
        code: QueryCode::Cursor,
        parameter: "cursor",
        message: "The cursor is not one that this server gave out".to_owned(),
    }
}

fn hash(query: &str) -> [u8; 8] {
    Sha256::digest(query)[..8].try_into().expect("a SHA-256 has more than eight bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors() -> Cursors {
        Cursors::new(
            &MasterKey::parse(&base64::engine::general_purpose::STANDARD.encode([1; 32])).expect("32 bytes"),
        )
    }

    fn key() -> SortKey {
        SortKey {
            at: DateTime::from_timestamp_micros(1_762_077_600_123_456).expect("in range"),
            id: Uuid::now_v7(),
        }
    }

    #[test]
    fn a_cursor_reads_back_for_its_query_only() {
        let key = key();
        let cursor = cursors().make("contacts", key);
        assert_eq!(cursors().read(&cursor, "contacts").expect("its own"), key);
        let other = cursors().read(&cursor, "contacts?q=a");
        assert!(matches!(other, Err(Error::Query { code: QueryCode::CursorMismatch, .. })));
    }

    #[test]
    fn the_two_families_exclude_each_other() {
        let query = PageQuery { page: Some(1), limit: Some(5), ..PageQuery::default() };
        assert!(query.window(&cursors(), "x").is_err());
        let deep = PageQuery { page: Some(51), page_size: Some(200), ..PageQuery::default() };
        assert!(deep.window(&cursors(), "x").is_err());
        let last = PageQuery { page: Some(50), page_size: Some(200), ..PageQuery::default() };
        assert_eq!(last.window(&cursors(), "x").expect("10,000 rows"), Window::Page { page: 50, size: 200 });
    }

    proptest! {
        #[test]
        fn no_text_is_mistaken_for_a_cursor(text in ".{0,80}") {
            prop_assert!(cursors().read(&text, "contacts").is_err());
        }

        #[test]
        fn a_changed_cursor_is_refused(at in 0usize..41, flip in 1u8..=255) {
            let cursor = cursors().make("contacts", key());
            let mut bytes = URL_SAFE_NO_PAD.decode(cursor).expect("base64url");
            bytes[at] ^= flip;
            prop_assert!(cursors().read(&URL_SAFE_NO_PAD.encode(bytes), "contacts").is_err());
        }
    }
}
