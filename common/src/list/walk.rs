//! All records that a query asks for, a page at a time. Each page is a statement of its own, which begins where the last one ended:
//! nothing is held between two of them, and what is written meanwhile may be among the records or not.

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::db::TenantTx;
use crate::error::Result;
use crate::list::Listing;
use crate::list::cursor::Keys;
use crate::list::fetch::{self, Columns};
use crate::list::part::Part;
use crate::list::query::{ListQuery, ListRequest};
use crate::list::statement::Statement;
use crate::page::{PageQuery, invalid};

/// The most rows of a page, and about the most bytes.
const MOST_ROWS: i64 = 5_000;
const MOST_BYTES: i64 = 2 * 1024 * 1024;
/// The rows of the first page: how long they are nobody knows yet.
const FIRST_ROWS: i64 = 500;
/// The rows that a statement looks at first, where it looks at them in their order, and at most.
const FIRST_LOOKED_AT: i64 = 3_000;
const MOST_LOOKED_AT: i64 = 48_000;
/// Fewer are not worth a statement.
const LEAST_LOOKED_AT: i64 = 25;
/// Where fewer than one row in so many has a text, the index of texts is asked for the others.
const RARE: i64 = 50;

/// Where the reading of all records stands.
#[derive(Clone, Debug)]
pub struct Walk {
    query: ListQuery,
    columns: Columns,
    /// What is still to be read, part by part.
    parts: Vec<Part>,
    way: Way,
    /// The rows of the next page, straight.
    rows: i64,
    /// The rows that the next page looks at, in order, and at most.
    window: i64,
    most: i64,
}

/// How the rows of a page are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As a list's page is, by whatever index serves the conditions.
    Straight,
    /// Rows are looked at in the order of the list, and the conditions choose among them: a statement's work does not depend on how
    /// few rows they leave.
    InOrder,
    /// The same for the first page; then the index of texts may be asked.
    FirstInOrder,
}

/// What a page came to.
#[derive(Default)]
struct Read {
    rows: i64,
    meant: i64,
    bytes: i64,
    last: Option<PgRow>,
}

impl ListRequest {
    /// As [`ListRequest::check`], for all that is asked for, whatever was said of pages. Deleted records beside the others are in the indexes
    /// of few sorts; where none was asked for they go by their ids, the newest first too.
    pub fn walk(mut self, listing: &'static Listing) -> Result<Walk> {
        if self.sort.is_none() && self.deleted.as_deref() == Some("include") {
            self.sort = Some(vec!["-id".to_owned()]);
        }
        let whole = Self { page: PageQuery::default(), count: None, ..self };
        Ok(Walk::of(whole.check_with(listing, |_, _| Err(invalid()))?))
    }
}

impl Walk {
    fn of(query: ListQuery) -> Self {
        Self {
            columns: Columns::of(&query),
            parts: Part::all(&query.sort),
            way: if query.is_of_texts() { Way::FirstInOrder } else { Way::Straight },
            rows: FIRST_ROWS,
            window: FIRST_LOOKED_AT,
            most: MOST_LOOKED_AT,
            query,
        }
    }

    /// The members to show; all where none are named.
    pub fn fields(&self) -> Option<&[&'static str]> {
        self.query.fields.as_deref()
    }

    /// Whether everything was read.
    pub fn is_over(&self) -> bool {
        self.parts.is_empty()
    }

    /// Reads the next page and hands over each of its records; there may be none although more follow. Where it fails, it can be
    /// read again.
    pub async fn page<T>(
        &mut self,
        tx: &mut TenantTx<'_>,
        mut each: impl FnMut(T) -> Result<()>,
    ) -> Result<()>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        let Some(part) = self.parts.first() else { return Ok(()) };
        let straight = self.way == Way::Straight;
        let mut statement = match straight {
            true => fetch::select(tx, &self.query, part, self.rows, 0),
            false => look(tx, &self.query, &self.columns, part, self.window),
        };
        let mut read = Read::default();
        let mut rows = statement.query().fetch(tx.conn());
        while read.bytes < MOST_BYTES
            && let Some(row) = rows.try_next().await?
        {
            if straight || row.try_get(self.columns.count())? {
                each(T::from_row(&row)?)?;
                read.meant += 1;
            }
            read.rows += 1;
            read.bytes += size(&row)?;
            read.last = Some(row);
        }
        drop(rows);
        self.advance(&read)
    }

    /// Makes the next page less work, after one that took too long; whether that can be.
    pub fn slow_down(&mut self) -> bool {
        match self.way {
            Way::Straight => self.way = Way::InOrder,
            Way::InOrder | Way::FirstInOrder => {
                self.window /= 4;
                self.most = self.window;
            }
        }
        self.window >= LEAST_LOOKED_AT
    }

    fn advance(&mut self, read: &Read) -> Result<()> {
        let whole = self.was_whole(read)?;
        if whole {
            self.parts.remove(0);
        } else if let Some(row) = &read.last {
            let keys = Keys::of_row(row, &self.query.sort, &self.columns.keys)?;
            self.parts = Part::after(&self.query.sort, &keys);
        }
        match self.way {
            Way::Straight => {
                // Each page would have the index of texts look for all of them again.
                if self.query.is_of_texts() && !whole {
                    self.way = Way::InOrder;
                }
                self.rows = (read.rows * MOST_BYTES / read.bytes.max(1)).clamp(1, MOST_ROWS);
            }
            Way::FirstInOrder if read.meant * RARE < self.window => {
                (self.way, self.rows) = (Way::Straight, MOST_ROWS);
            }
            Way::FirstInOrder | Way::InOrder => {
                self.way = Way::InOrder;
                match read.meant {
                    MOST_ROWS.. => self.window = (self.window / 2).max(LEAST_LOOKED_AT),
                    meant if meant * 4 < MOST_ROWS => self.window = (self.window * 2).min(self.most),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether the page reached the end of its part.
    fn was_whole(&self, read: &Read) -> Result<bool> {
        if read.bytes >= MOST_BYTES {
            return Ok(false);
        }
        if self.way == Way::Straight {
            return Ok(read.rows < self.rows);
        }
        let place = read.last.as_ref().map(|row| row.try_get::<i64, _>(self.columns.count() + 1));
        Ok(place.transpose()? != Some(self.window))
    }
}

/// The first rows of a part that are meant, with that and their place. The last of those that were looked at is there in any case:
/// the next page begins after it.
fn look(tx: &TenantTx<'_>, query: &ListQuery, columns: &Columns, part: &Part, window: i64) -> Statement {
    let mut statement = Statement::new("select ");
    columns.write(query, &mut statement);
    statement.text(", ");
    meant(&mut statement, query);
    statement.text(" as meant, place from (select *, row_number() over (");
    part.order(&mut statement);
    statement.text(") as place from ").text(query.listing.table);
    fetch::of_tenant(&mut statement, tx, query);
    part.bound(&mut statement);
    part.order(&mut statement);
    statement.text(" limit ").bind(window);
    statement.text(") as ").text(query.listing.alias()).text(" where place = ").bind(window);
    statement.text(" or ");
    meant(&mut statement, query);
    statement.text(" order by place");
    statement
}

/// All of the query's conditions.
fn meant(statement: &mut Statement, query: &ListQuery) {
    statement.text("(true");
    for condition in &query.conditions {
        statement.text(" and ");
        condition.write(query.listing, statement);
    }
    statement.text(")");
}

/// The bytes of a row's values.
fn size(row: &PgRow) -> Result<i64> {
    let mut bytes = 0;
    for column in 0..row.len() {
        bytes += row.try_get_raw(column)?.as_bytes().map_or(0, <[u8]>::len);
    }
    Ok(i64::try_from(bytes).unwrap_or(i64::MAX))
}
