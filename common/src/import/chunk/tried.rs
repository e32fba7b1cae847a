//! Chunks of a dry run: each is made and undone, and the next one must find what it would have left.
//!
//! Of every record that rows would have made or changed it is kept what it would say, and by which values it would be found or be in the
//! way: its id, its unique values, and those that it had before. The records that a chunk's rows could meet are put into that state
//! before the chunk is made, and this is undone with it. So what becomes of a row is what the real run would make of it.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::outcome::Outcome;
use crate::crm::record::batch::{self, Edit};
use crate::crm::record::{Draft, Key};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::import::Import;
use crate::import::fields::{self, Formats, Importable};
use crate::import::reader::{Cell, Chunk};
use crate::import::run::Run;

/// A record as earlier chunks would have left it.
#[derive(Debug, sqlx::FromRow)]
struct Left {
    /// The row that touched it first.
    row: i64,
    /// None of one that would be new.
    record_id: Option<Uuid>,
    /// Its fields as texts.
    says: String,
}

/// A record that rows have touched, by its id in this transaction.
#[derive(Clone, Copy, Debug)]
struct Touched {
    row: i64,
    is_new: bool,
}

/// What rows would leave for later chunks.
#[derive(Debug, Default)]
struct Leaves {
    states: Vec<Left>,
    /// A value, by its field, of the record that a row touched first.
    keys: HashSet<(&'static str, String, i64)>,
}

/// What would become of the rows: everything is done, and undone again.
pub(super) async fn make<R: Importable>(
    tx: &mut TenantTx<'_>,
    run: &Run,
    chunk: &Chunk,
) -> Result<Vec<Outcome>> {
    let met = met::<R>(tx, &run.import, chunk).await?;
    sqlx::raw_sql("savepoint tried").execute(tx.conn()).await?;
    let mut touched = put::<R>(tx, met).await?;
    let mut outcomes = super::outcomes(tx, run, chunk).await?;
    let leaves = leaves::<R>(tx, chunk, &outcomes, &mut touched).await?;
    sqlx::raw_sql("rollback to savepoint tried").execute(tx.conn()).await?;
    tx.set_bulk(None);
    keep(tx, &run.import, leaves).await?;
    let is_new = |id: Uuid| touched.get(&id).is_some_and(|touched| touched.is_new);
    outcomes.iter_mut().for_each(|outcome| outcome.forget_records(is_new));
    Ok(outcomes)
}

/// The records that the chunk's rows could find or collide with, as earlier chunks would have left them; in the order of their rows.
async fn met<R: Importable>(tx: &mut TenantTx<'_>, import: &Import, chunk: &Chunk) -> Result<Vec<Left>> {
    let columns = import.mapping();
    let keys = columns.iter().enumerate().filter_map(|(place, column)| Some((place, column.field?)));
    let keys: Vec<(usize, &str)> = keys.filter(|(_, field)| is_key::<R>(field)).collect();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for row in &chunk.rows {
        for (column, field) in &keys {
            if let Some(Cell::Text(text) | Cell::Number(text)) = row.cells.get(*column)
                && let Some(value) = compared::<R>(field, text)
            {
                names.push(*field);
                values.push(value);
            }
        }
    }
    let left = sqlx::query_as(
        "with asked as (select distinct a.field, a.value from unnest($3::text[], $4::text[]) as a (field, value))
         select l.row, l.record_id, l.says
         from (select distinct k.row from asked a
               join tenon.import_tries k on k.tenant_id = $1 and k.import_id = $2 and k.field = a.field and k.value = a.value) as found
         join tenon.import_tries l on l.tenant_id = $1 and l.import_id = $2 and l.field = '' and l.value = '' and l.row = found.row
         order by l.row",
    );
    Ok(left.bind(tx.actor().tenant).bind(import.id).bind(names).bind(values).fetch_all(tx.conn()).await?)
}

fn is_key<R: Importable>(field: &str) -> bool {
    field == fields::ID || R::UNIQUE.iter().any(|unique| unique.field == field)
}

/// A value as records are compared by it; none of what is no such value.
fn compared<R: Importable>(field: &str, text: &str) -> Option<String> {
    match field {
        fields::ID => Uuid::try_parse(text.trim()).ok().map(|id| id.to_string()),
        _ => Key::<R>::parse(field, text).ok().map(|key| key.value().to_owned()),
    }
}

/// Makes and changes records to what earlier chunks would have left. One that cannot be is left as it is: somebody has changed something
/// since.
async fn put<R: Importable>(tx: &mut TenantTx<'_>, mut left: Vec<Left>) -> Result<HashMap<Uuid, Touched>> {
    let mut touched = HashMap::new();
    // A value may have been another's, which has to give it up first.
    while !left.is_empty() {
        let (mut there, mut new) = (Vec::new(), Vec::new());
        for left in left {
            let says = says::<R>(&left.says)?;
            match left.record_id {
                Some(id) => there.push((left, Edit { id, expected: None, edit: says })),
                None => {
                    if let Ok(fields) = says(R::Draft::default()).check() {
                        new.push((left, fields));
                    }
                }
            }
        }
        let before = touched.len();
        let (mut again, edits): (Vec<Left>, Vec<_>) = there.into_iter().unzip();
        let mut made = batch::update_each::<R, _>(tx, edits).await?;
        let (more, fields): (Vec<Left>, Vec<_>) = new.into_iter().unzip();
        again.extend(more);
        made.extend(batch::create_each::<R>(tx, fields).await?);
        left = Vec::new();
        for (one, made) in again.into_iter().zip(made) {
            match made {
                Ok(record) => {
                    let is_new = one.record_id.is_none();
                    touched.insert(record.id(), Touched { row: one.row, is_new });
                }
                Err(Error::Conflict(_)) => left.push(one),
                Err(Error::Invalid(_) | Error::NotFound(_) | Error::Forbidden(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if touched.len() == before {
            break;
        }
    }
    Ok(touched)
}

/// What has a draft say just this.
fn says<R: Importable>(says: &str) -> Result<impl FnOnce(R::Draft) -> R::Draft + use<R>> {
    let says: Map<String, Value> = serde_json::from_str(says).map_err(Error::internal)?;
    Ok(move |mut draft: R::Draft| {
        for field in R::FIELDS {
            // The field's own text, which it reads again.
            let _ =
                (field.set)(&mut draft, says.get(field.name).and_then(Value::as_str), &Formats::default());
        }
        draft
    })
}

/// What the chunk's rows would leave. Adds the records that they touch.
async fn leaves<R: Importable>(
    tx: &mut TenantTx<'_>,
    chunk: &Chunk,
    outcomes: &[Outcome],
    touched: &mut HashMap<Uuid, Touched>,
) -> Result<Leaves> {
    let mut leaves = Leaves::default();
    let mut ids = Vec::new();
    let mut seen = HashSet::new();
    for (row, outcome) in chunk.rows.iter().zip(outcomes) {
        let (id, is_new, before) = match outcome {
            Outcome::Created { id } => (*id, true, None),
            Outcome::Updated { id, before, .. } => (*id, false, Some(before)),
            _ => continue,
        };
        let first = touched.entry(id).or_insert(Touched { row: row.number, is_new }).row;
        if seen.insert(id) {
            ids.push(id);
        }
        if let Some(before) = before {
            let before: Map<String, Value> = serde_json::from_str(before).map_err(Error::internal)?;
            let had = |field: &'static str| compared::<R>(field, before.get(field)?.as_str()?);
            let had = R::UNIQUE.iter().filter_map(|unique| Some((unique.field, had(unique.field)?, first)));
            leaves.keys.extend(had);
        }
    }
    for record in batch::get_each::<R>(tx, &ids).await?.into_iter().flatten() {
        let id = record.id();
        let Some(Touched { row, is_new }) = touched.get(&id).copied() else { continue };
        let record_id = (!is_new).then_some(id);
        let has = R::UNIQUE.iter().filter_map(|unique| Some((unique.field, (unique.value)(&record)?, row)));
        let keys: Vec<_> = has.chain(record_id.map(|id| (fields::ID, id.to_string(), row))).collect();
        // What has no key, and never had one, no later row can mean.
        if !keys.is_empty() || row < chunk.first_row {
            leaves.keys.extend(keys);
            leaves.states.push(Left { row, record_id, says: texts(&record) });
        }
    }
    Ok(leaves)
}

/// What a record says: a JSON object of texts.
fn texts<R: Importable>(record: &R) -> String {
    let draft = R::Draft::from(record);
    let text = |field: &fields::Field<R>| Some((field.name.to_owned(), Value::String((field.get)(&draft)?)));
    Value::Object(R::FIELDS.iter().filter_map(text).collect()).to_string()
}

/// Keeps what the chunk would leave for those that follow.
async fn keep(tx: &mut TenantTx<'_>, import: &Import, leaves: Leaves) -> Result<()> {
    let (mut rows, mut records, mut says) = (Vec::new(), Vec::new(), Vec::new());
    for left in leaves.states {
        rows.push(left.row);
        records.push(left.record_id);
        says.push(left.says);
    }
    let states = "insert into tenon.import_tries (tenant_id, import_id, field, value, row, record_id, says)
                  select $1, $2, '', '', l.* from unnest($3::bigint[], $4::uuid[], $5::text[]) as l (row, record_id, says)
                  on conflict (tenant_id, import_id, field, value, row) do update set says = excluded.says";
    let states = sqlx::query(states).bind(tx.actor().tenant).bind(import.id);
    states.bind(rows).bind(records).bind(says).execute(tx.conn()).await?;
    let (mut names, mut values, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (field, value, row) in leaves.keys {
        names.push(field);
        values.push(value);
        rows.push(row);
    }
    let keys = "insert into tenon.import_tries (tenant_id, import_id, field, value, row)
                select $1, $2, k.* from unnest($3::text[], $4::text[], $5::bigint[]) as k (field, value, row)
                on conflict do nothing";
    let keys = sqlx::query(keys).bind(tx.actor().tenant).bind(import.id);
    keys.bind(names).bind(values).bind(rows).execute(tx.conn()).await?;
    Ok(())
}
