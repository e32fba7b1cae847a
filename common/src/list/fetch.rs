//! The page that answers a query.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::list::cursor::Keys;
use crate::list::query::{Count, Deleted, ListQuery};
use crate::list::sort;
use crate::list::statement::Statement;
use crate::page::{Page, Window};

/// So many are counted where nothing is said of the total; beyond, it is estimated.
const MOST_COUNTED: i64 = 100_000;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The page.
    pub page: Page<T>,
    /// Where its last record stands, if more follow.
    pub last: Option<Keys>,
}

/// Answers a query.
pub async fn fetch<T>(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<Found<T>>
where
    T: for<'r> FromRow<'r, PgRow>,
{
    let (mut statement, keys) = select(tx, query);
    let rows = statement.query().fetch_all(tx.conn()).await?;
    let items = rows.iter().map(T::from_row).collect::<Result<Vec<T>, _>>()?;
    let total = total(tx, query).await?;
    let page = Page::of(items, total, &query.window);
    let last = rows.get(page.items.len().saturating_sub(1)).filter(|_| page.has_more);
    let last = last.map(|row| Keys::of_row(row, &query.sort, &keys)).transpose()?;
    Ok(Found { page, last })
}

/// The statement of a page, and where its rows have the values of the sort.
fn select(tx: &TenantTx<'_>, query: &ListQuery) -> (Statement, Vec<usize>) {
    let listing = query.listing;
    let columns: Vec<&str> = listing.columns.split(", ").collect();
    let mut statement = Statement::new("select ");
    statement.text(listing.columns);
    let (mut keys, mut next) = (Vec::new(), columns.len());
    for by in &query.sort {
        let place = columns.iter().position(|column| *column == by.field.column).unwrap_or_else(|| {
            statement.text(", ").text(by.field.column);
            next += 1;
            next - 1
        });
        keys.push(place);
    }
    statement.text(" from ").text(listing.table);
    matching(&mut statement, tx, query);
    if let Window::After { last: Some(last), .. } = &query.window {
        sort::after(&mut statement, &query.sort, last);
    }
    sort::order(&mut statement, &query.sort);
    statement.text(" limit ").bind(query.window.fetch());
    if query.window.offset() > 0 {
        statement.text(" offset ").bind(query.window.offset());
    }
    (statement, keys)
}

/// ` where …`: all records that the query is about.
fn matching(statement: &mut Statement, tx: &TenantTx<'_>, query: &ListQuery) {
    statement.text(" where tenant_id = ").bind(tx.actor().tenant);
    statement.text(match query.deleted {
        Deleted::Exclude => " and deleted_at is null",
        Deleted::Include => "",
        Deleted::Only => " and deleted_at is not null",
    });
    if let Some(since) = query.updated_since {
        statement.text(" and updated_at >= ").bind(since);
    }
    for condition in &query.conditions {
        statement.text(" and ");
        condition.write(query.listing, statement);
    }
}

async fn total(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<Option<i64>> {
    match (query.count, query.window.counts()) {
        (Some(Count::None), _) | (None, false) => Ok(None),
        (Some(Count::Estimated), _) => Ok(Some(estimate(tx, query).await?)),
        (Some(Count::Exact), _) => {
            let mut statement = Statement::new("select count(*) from ");
            statement.text(query.listing.table);
            matching(&mut statement, tx, query);
            Ok(Some(statement.scalar().fetch_one(tx.conn()).await?))
        }
        (None, true) => {
            let counted = count_some(tx, query).await?;
            match counted <= MOST_COUNTED {
                true => Ok(Some(counted)),
                false => Ok(Some(estimate(tx, query).await?.max(counted))),
            }
        }
    }
}

/// How many there are, or one more than are counted.
async fn count_some(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<i64> {
    let mut statement = Statement::new("select count(*) from (select from ");
    statement.text(query.listing.table);
    matching(&mut statement, tx, query);
    statement.text(" limit ").bind(MOST_COUNTED + 1);
    statement.text(") as counted");
    Ok(statement.scalar().fetch_one(tx.conn()).await?)
}

/// As the planner guesses from the table's statistics.
async fn estimate(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<i64> {
    let mut statement = Statement::new("explain (format json) select from ");
    statement.text(query.listing.table);
    matching(&mut statement, tx, query);
    let plan: serde_json::Value = statement.query().fetch_one(tx.conn()).await?.try_get(0)?;
    let rows = plan[0]["Plan"]["Plan Rows"].as_f64();
    #[expect(clippy::cast_possible_truncation, reason = "a guess of rows")]
    rows.map(|rows| rows as i64).ok_or_else(|| Error::internal("a plan without a number of rows"))
}
