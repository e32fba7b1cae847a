//! What became of each row, for whoever asks.

use chrono::DateTime;
use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::import::Import;
use crate::import::chunk::{Outcome, RowError};
use crate::page::{Page, SortKey, Window};

/// What became of a row.
#[derive(Clone, Debug)]
pub struct RowOutcome {
    /// Counts from 1; the header is none.
    pub row: i64,
    /// created, updated, unchanged, skipped or failed.
    pub outcome: &'static str,
    /// The record; of a row that was refused or left out, the one that is in the way.
    pub id: Option<Uuid>,
    /// Why it was refused or left out.
    pub errors: Vec<RowError>,
}

impl RowOutcome {
    /// Its place in the list: cursors are made of times, and so its number is one.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: DateTime::from_timestamp_micros(self.row).unwrap_or_default(), id: Uuid::nil() }
    }
}

/// Rows in their order, all or those with an outcome. Looks at those chunks alone that have such rows.
pub async fn list(
    tx: &mut TenantTx<'_>,
    import: &Import,
    outcome: Option<&str>,
    window: &Window,
) -> Result<Page<RowOutcome>> {
    import.check_reach(tx.actor())?;
    import.check_kept()?;
    let letter = outcome.and_then(Outcome::letter_of).map(String::from);
    let after = window.last().map_or(0, |last| last.at.timestamp_micros());
    let found: Vec<(i64, String, Option<Uuid>, Option<String>)> = sqlx::query_as(
        "select c.first_row + r.place - 1, r.letter, coalesce(r.id, e.record_id), e.errors
         from tenon.import_chunks c
         cross join lateral unnest(string_to_array(c.outcomes, null), c.ids) with ordinality as r (letter, id, place)
         left join tenon.import_errors e
              on e.tenant_id = $1 and e.import_id = $2 and e.row = c.first_row + r.place - 1 and r.letter in ('s', 'f')
         where c.tenant_id = $1 and c.import_id = $2 and c.first_row + c.row_count > $3 + 1
           and ($4::text is null or strpos(c.outcomes, $4) > 0)
           and c.first_row + r.place - 1 > $3 and ($4 is null or r.letter = $4)
         order by c.first_row, r.place limit $5 offset $6",
    )
    .bind(tx.actor().tenant)
    .bind(import.id)
    .bind(after)
    .bind(letter)
    .bind(window.fetch())
    .bind(window.offset())
    .fetch_all(tx.conn())
    .await?;
    let items = found.into_iter().map(|(row, letter, id, errors)| {
        let errors =
            errors.map(|errors| serde_json::from_str(&errors)).transpose().map_err(Error::internal)?;
        let outcome = Outcome::name(letter.chars().next().unwrap_or('f'));
        Ok(RowOutcome { row, outcome, id, errors: errors.unwrap_or_default() })
    });
    let counts = import.counts();
    let total = match outcome {
        None => import.committed_through_row,
        Some("created") => counts.created,
        Some("updated") => counts.updated,
        Some("unchanged") => counts.unchanged,
        Some("skipped") => counts.skipped,
        Some(_) => counts.failed,
    };
    let total = window.counts().then_some(total);
    Ok(Page::of(items.collect::<Result<Vec<_>>>()?, total, window))
}
