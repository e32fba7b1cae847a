//! The page that answers a query.

use sqlx::FromRow;
use sqlx::postgres::PgRow;

use crate::db::TenantTx;
use crate::error::Result;
use crate::list::compile;
use crate::list::cursor::Keys;
use crate::list::part::Part;
use crate::list::pattern;
use crate::list::query::{Count, Deleted, ListQuery};
use crate::list::statement::Statement;
use crate::page::{Page, Window};

/// So many are counted where nothing is said of the total.
const MOST_COUNTED: i64 = 100_000;
/// So many are counted where an estimate will do. Both are counts of what the caller sees: the planner's guesses come from statistics
/// over all tenants, and would tell of others' values.
const MOST_ESTIMATED: i64 = 10_000;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The page.
    pub page: Page<T>,
    /// Whether counting ended at its bound: there are more than the total.
    pub total_is_minimum: bool,
    /// Where its last record stands, if more follow.
    pub last: Option<Keys>,
}

/// So many rows are looked at, in the order of the list, for a text that may be in many of them. Where fewer have it, the index
/// of texts finds those quickly.
const LOOKED_AT: i64 = 3_000;

/// How texts are looked for. Both find the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    /// In the rows that the statement reads anyhow: quick where many match.
    InPlace,
    /// By the search function and its index, where that can say it: quick where few match.
    ByIndex,
    /// Not yet.
    Later,
}

/// Answers a query.
pub async fn fetch<T>(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<Found<T>>
where
    T: for<'r> FromRow<'r, PgRow>,
{
    let (rows, texts) = rows(tx, query).await?;
    let items = rows.iter().map(T::from_row).collect::<Result<Vec<T>, _>>()?;
    let total = total(tx, query, texts).await?;
    let page = Page::of(items, total.map(|total| total.rows), &query.window);
    let last = rows.get(page.items.len().saturating_sub(1)).filter(|_| page.has_more);
    let keys = Columns::of(query).keys;
    let last = last.map(|row| Keys::of_row(row, &query.sort, &keys)).transpose()?;
    Ok(Found { page, total_is_minimum: total.is_some_and(|total| total.is_minimum), last })
}

/// The rows of the page and one more, and how texts were found. One statement as a rule: one more where the page goes over the
/// end of a part of the list, or where a text is in few records.
async fn rows(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<(Vec<PgRow>, Texts)> {
    let parts = match &query.window {
        Window::After { last: Some(last), .. } => Part::after(&query.sort, last),
        _ => Part::all(&query.sort),
    };
    let (mut wanted, mut skipped) = (query.window.fetch(), query.window.offset());
    if query.is_of_texts()
        && let Some(part) = parts.first()
    {
        let rows = look(tx, query, part, wanted, skipped).query().fetch_all(tx.conn()).await?;
        if length(&rows) == wanted {
            return Ok((rows, Texts::InPlace));
        }
    }
    let mut found = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let rows = select(tx, query, part, wanted, skipped).query().fetch_all(tx.conn()).await?;
        wanted -= length(&rows);
        let is_last = wanted == 0 || index + 1 == parts.len();
        if skipped > 0 && !is_last {
            let before = if rows.is_empty() { size(tx, query, part, skipped).await? } else { skipped };
            skipped -= before;
        }
        found.extend(rows);
        if is_last {
            break;
        }
    }
    Ok((found, Texts::ByIndex))
}

fn length(rows: &[PgRow]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}

/// The columns of a statement's rows, and where those are that the list is sorted by.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// How many are of the record.
    own: usize,
    /// Columns that are no member of the record.
    more: Vec<&'static str>,
    pub(super) keys: Vec<usize>,
}

impl Columns {
    pub(super) fn of(query: &ListQuery) -> Self {
        let columns: Vec<&str> = query.listing.columns.split(", ").collect();
        let mut of = Self { own: columns.len(), more: Vec::new(), keys: Vec::new() };
        for by in &query.sort {
            let place = columns.iter().position(|column| *column == by.field.column).unwrap_or_else(|| {
                of.more.push(by.field.column);
                columns.len() + of.more.len() - 1
            });
            of.keys.push(place);
        }
        of
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.own + self.more.len()
    }

    pub(super) fn write(&self, query: &ListQuery, statement: &mut Statement) {
        statement.text(query.listing.columns);
        for column in &self.more {
            statement.text(", ").text(column);
        }
    }
}

/// Rows of a part.
pub(super) fn select(
    tx: &TenantTx<'_>,
    query: &ListQuery,
    part: &Part,
    wanted: i64,
    skipped: i64,
) -> Statement {
    let mut statement = Statement::new("select ");
    Columns::of(query).write(query, &mut statement);
    statement.text(" from ").text(query.listing.table);
    matching(&mut statement, tx, query, Texts::ByIndex);
    part.bound(&mut statement);
    part.order(&mut statement);
    window(&mut statement, wanted, skipped);
    statement
}

/// Rows with the texts among the first rows of a part.
fn look(tx: &TenantTx<'_>, query: &ListQuery, part: &Part, wanted: i64, skipped: i64) -> Statement {
    let mut statement = Statement::new("select ");
    Columns::of(query).write(query, &mut statement);
    statement.text(" from (select * from ").text(query.listing.table);
    matching(&mut statement, tx, query, Texts::Later);
    part.bound(&mut statement);
    part.order(&mut statement);
    statement.text(" limit ").bind(LOOKED_AT);
    statement.text(") as ").text(query.listing.alias()).text(" where true");
    for condition in query.conditions.iter().filter(|condition| condition.is_of_texts(query.listing)) {
        statement.text(" and ");
        condition.write(query.listing, &mut statement);
    }
    part.order(&mut statement);
    window(&mut statement, wanted, skipped);
    statement
}

/// ` limit … offset …`
fn window(statement: &mut Statement, wanted: i64, skipped: i64) {
    statement.text(" limit ").bind(wanted);
    if skipped > 0 {
        statement.text(" offset ").bind(skipped);
    }
}

/// ` where …`: all records that the query is about.
fn matching(statement: &mut Statement, tx: &TenantTx<'_>, query: &ListQuery, texts: Texts) {
    let listing = query.listing;
    of_tenant(statement, tx, query);
    let alternatives = match texts {
        Texts::ByIndex => compile::joint_alternatives(listing, &query.conditions),
        _ => Vec::new(),
    };
    if !alternatives.is_empty() {
        pattern::by_index(listing, statement, alternatives);
    }
    for condition in &query.conditions {
        if texts != Texts::Later || !condition.is_of_texts(listing) {
            statement.text(" and ");
            condition.write(listing, statement);
        }
    }
}

/// ` where …`: all records of the tenant that may be shown, whatever their fields say.
pub(super) fn of_tenant(statement: &mut Statement, tx: &TenantTx<'_>, query: &ListQuery) {
    statement.text(" where tenant_id = ").bind(tx.actor().tenant);
    statement.text(match query.deleted {
        Deleted::Exclude => " and deleted_at is null",
        Deleted::Include => "",
        Deleted::Only => " and deleted_at is not null",
    });
    if let Some(since) = query.updated_since {
        statement.text(" and updated_at >= ").bind(since);
    }
}

/// How many rows a part has, of which `most` are counted.
async fn size(tx: &mut TenantTx<'_>, query: &ListQuery, part: &Part, most: i64) -> Result<i64> {
    let mut statement = Statement::new("select count(*) from (select from ");
    statement.text(query.listing.table);
    matching(&mut statement, tx, query, Texts::ByIndex);
    part.bound(&mut statement);
    statement.text(" limit ").bind(most);
    statement.text(") as counted");
    Ok(statement.scalar().fetch_one(tx.conn()).await?)
}

/// How many records a query is about.
#[derive(Clone, Copy, Debug)]
struct Total {
    rows: i64,
    /// Whether there are more.
    is_minimum: bool,
}

async fn total(tx: &mut TenantTx<'_>, query: &ListQuery, texts: Texts) -> Result<Option<Total>> {
    match (query.count, query.window.counts()) {
        (Some(Count::None), _) | (None, false) => Ok(None),
        (Some(Count::Estimated), _) => Ok(Some(count_up_to(tx, query, texts, MOST_ESTIMATED).await?)),
        (Some(Count::Exact), _) => {
            let mut statement = Statement::new("select count(*) from ");
            statement.text(query.listing.table);
            matching(&mut statement, tx, query, texts);
            let rows = statement.scalar().fetch_one(tx.conn()).await?;
            Ok(Some(Total { rows, is_minimum: false }))
        }
        (None, true) => Ok(Some(count_up_to(tx, query, texts, MOST_COUNTED).await?)),
    }
}

/// How many there are, of which `most` are counted.
async fn count_up_to(tx: &mut TenantTx<'_>, query: &ListQuery, texts: Texts, most: i64) -> Result<Total> {
    let mut statement = Statement::new("select count(*) from (select from ");
    statement.text(query.listing.table);
    matching(&mut statement, tx, query, texts);
    statement.text(" limit ").bind(most + 1);
    statement.text(") as counted");
    let counted: i64 = statement.scalar().fetch_one(tx.conn()).await?;
    Ok(Total { rows: counted.min(most), is_minimum: counted > most })
}
