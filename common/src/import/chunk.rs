//! A chunk of rows: in one transaction its records, what became of each row, and how far the import has come.

mod outcome;
mod preview;
mod said;
mod tried;
mod write;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::crm::record::batch::{self, Missing, Upsert};
use crate::crm::record::{Draft, Key, Plan};
use crate::db::{Bulk, TenantTx};
use crate::error::{Error, Result};
use crate::import::fields::{self, Importable};
use crate::import::object::dispatch;
use crate::import::reader::{Chunk, Row};
use crate::import::run::{self, Run};
use crate::import::{BulkEvents, Counts, Import, Mode, OnDuplicate, State};

pub use outcome::{Outcome, RowError};
pub use preview::PreviewRow;
pub(super) use preview::preview;
use said::{Reading, Said};

/// Rows of a chunk that go to the database together: a chunk is what is committed, and this is how much of it is held as records
/// and events at once.
pub(super) const ROWS_AT_ONCE: usize = 500;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More follows. What became of these rows.
    More(Counts),
    /// That was the last chunk, or the last one that was wanted.
    Ended(Counts),
    /// Somebody stopped the import, or another run has taken over: nothing was done.
    Superseded,
}

/// Makes a chunk.
pub async fn make(tx: &mut TenantTx<'_>, run: &Run, chunk: &Chunk) -> Result<Progress> {
    let Some(now) = run::is_at_work(tx, run, State::Running).await? else { return Ok(Progress::Superseded) };
    let options = now.options();
    let bulk = Bulk { import: now.id, each: options.bulk_events == BulkEvents::All && !now.dry_run };
    tx.set_bulk(Some(bulk));
    let outcomes = match now.dry_run {
        true => dispatch!(options.object, R => tried::make::<R>(tx, run, chunk).await)?,
        false => outcomes(tx, run, chunk).await?,
    };
    let counts = outcome::count(&outcomes);
    let before = now.counts();
    let total = before.plus(counts);
    write::advance(tx, &now, chunk, &outcomes, counts).await?;
    if let Some(allowed) = now.errors_allowed()
        && total.failed > allowed
    {
        let message = format!("More than {allowed} rows were refused");
        run::fail(tx, now.id, "TOO_MANY_ERRORS", &message).await?;
        return Ok(Progress::Ended(counts));
    }
    if chunk.is_last {
        run::finish(tx, &now, total).await?;
        return Ok(Progress::Ended(counts));
    }
    Ok(Progress::More(counts))
}

async fn outcomes(tx: &mut TenantTx<'_>, run: &Run, chunk: &Chunk) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(chunk.rows.len());
    for rows in chunk.rows.chunks(ROWS_AT_ONCE) {
        let mut made = dispatch!(run.import.options().object, R => Rows::<R>::of(run, rows).make(tx).await)?;
        outcomes.append(&mut made);
    }
    Ok(outcomes)
}

/// Rows on their way to their outcomes.
struct Rows<'c, R: Importable> {
    import: &'c Import,
    reading: Reading<R>,
    rows: &'c [Row],
    outcomes: Vec<Option<Outcome>>,
    /// What rows say that can be used, by their place among these.
    said: Vec<Option<Said<'c, R>>>,
}

impl<'c, R: Importable> Rows<'c, R> {
    fn of(run: &'c Run, rows: &'c [Row]) -> Self {
        let import = &run.import;
        let reading = Reading::new(&run.columns, import);
        let (mut outcomes, mut said) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows {
            let (outcome, says) = match reading.read(row) {
                Ok(says) => (None, Some(says)),
                Err(errors) => (Some(Outcome::Failed(errors)), None),
            };
            outcomes.push(outcome);
            said.push(says);
        }
        Self { import, reading, rows, outcomes, said }
    }

    async fn make(mut self, tx: &mut TenantTx<'_>) -> Result<Vec<Outcome>> {
        let places: Vec<usize> = (0..self.said.len()).filter(|place| self.said[*place].is_some()).collect();
        match self.import.options().mode {
            Mode::Create => {
                let taken = self.create(tx, places).await?;
                self.change(tx, taken, Missing::Refuse).await?;
            }
            mode => self.match_and_change(tx, places, mode).await?,
        }
        let lost = || Err(Error::internal("a row has no outcome"));
        self.outcomes.into_iter().map(|outcome| outcome.map_or_else(lost, Ok)).collect()
    }

    /// Creates records. Answers the rows that are to change the record which has their unique value instead.
    async fn create(&mut self, tx: &mut TenantTx<'_>, places: Vec<usize>) -> Result<Vec<(usize, Key<R>)>> {
        let mut fields = Vec::with_capacity(places.len());
        let mut asked = Vec::with_capacity(places.len());
        for place in places {
            let Some(said) = &self.said[place] else { continue };
            match self.reading.draft(said).check() {
                Ok(checked) => {
                    fields.push(checked);
                    asked.push(place);
                }
                Err(errors) => self.refuse(place, Error::Invalid(errors))?,
            }
        }
        let mut taken = Vec::new();
        let on_duplicate = self.import.options().on_duplicate;
        for (place, made) in asked.into_iter().zip(batch::create_each::<R>(tx, fields).await?) {
            match (made, on_duplicate) {
                (Ok(record), _) => self.outcomes[place] = Some(Outcome::Created { id: record.id() }),
                (Err(Error::Conflict(conflict)), OnDuplicate::Update) if conflict.field.is_some() => {
                    let draft = self.said[place].as_ref().map(|said| self.reading.draft(said));
                    let key = Key::of(conflict.field.unwrap_or_default(), &draft.unwrap_or_default());
                    match key {
                        Ok(key) => taken.push((place, key)),
                        Err(error) => self.refuse(place, error)?,
                    }
                }
                (Err(error), OnDuplicate::Skip) if matches!(error, Error::Conflict(_)) => {
                    let errors = self.reading.errors(&self.rows[place], error)?;
                    self.outcomes[place] = Some(Outcome::Skipped(errors));
                }
                (Err(error), _) => self.refuse(place, error)?,
            }
        }
        Ok(taken)
    }

    /// Finds the records of rows by the id or the first unique value that each has, and creates or refuses those that have none.
    async fn match_and_change(
        &mut self,
        tx: &mut TenantTx<'_>,
        places: Vec<usize>,
        mode: Mode,
    ) -> Result<()> {
        let there = self.there(tx, &places).await?;
        let mut keyed = Vec::with_capacity(places.len());
        let mut by_id = Vec::new();
        let mut keyless = Vec::new();
        for place in places {
            let Some(said) = &self.said[place] else { continue };
            match self.reading.key(said, &there) {
                Some(Ok(key)) if key.field() == fields::ID => by_id.push((place, key)),
                Some(Ok(key)) => keyed.push((place, key)),
                Some(Err(error)) => self.refuse(place, error)?,
                None if mode == Mode::Upsert => keyless.push(place),
                None => {
                    let names = self.import.options().match_on.join(" or ");
                    let message = format!("The row has no {names}, by which its record would be found");
                    self.outcomes[place] = Some(Outcome::Failed(vec![RowError::of_row("NO_KEY", &message)]));
                }
            }
        }
        let missing = if mode == Mode::Upsert { Missing::Create } else { Missing::Refuse };
        self.change(tx, by_id, Missing::Refuse).await?;
        self.change(tx, keyed, missing).await?;
        let taken = self.create(tx, keyless).await?;
        self.change(tx, taken, Missing::Refuse).await
    }

    /// Those of the records that rows name by their ids that are there.
    async fn there(&self, tx: &mut TenantTx<'_>, places: &[usize]) -> Result<HashSet<Uuid>> {
        let said = places.iter().filter_map(|place| self.said[*place].as_ref());
        let ids: Vec<Uuid> = said.filter_map(|said| self.reading.id(said)).collect();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let found = batch::get_each::<R>(tx, &ids).await?;
        Ok(found.into_iter().flatten().map(|record| record.id()).collect())
    }

    /// Changes the records that have these values. Rows that mean the same record do so one after the other, as if they stood in
    /// chunks of their own.
    async fn change(
        &mut self,
        tx: &mut TenantTx<'_>,
        keyed: Vec<(usize, Key<R>)>,
        missing: Missing,
    ) -> Result<()> {
        for wave in waves(keyed) {
            let mut upserts = Vec::with_capacity(wave.len());
            let mut places = Vec::with_capacity(wave.len());
            for (place, key) in wave {
                let Some(said) = &self.said[place] else { continue };
                let fields = self.reading.draft(said).check().map_err(Error::Invalid);
                let reading = &self.reading;
                upserts.push(Upsert { key, fields, edit: move |draft| reading.edited(said, draft) });
                places.push(place);
            }
            let plans = batch::upsert_plans(tx, upserts, missing).await?;
            for (place, plan) in places.into_iter().zip(plans) {
                match plan {
                    Ok(plan) => self.outcomes[place] = Some(changed(&plan)),
                    Err(error) => self.refuse(place, error)?,
                }
            }
        }
        Ok(())
    }

    /// Notes why a row is refused; what fails for all is an error.
    fn refuse(&mut self, place: usize, error: Error) -> Result<()> {
        let errors = self.reading.errors(&self.rows[place], error)?;
        self.outcomes[place] = Some(Outcome::Failed(errors));
        Ok(())
    }
}

/// What became of a row whose record was found or made.
fn changed<R: Importable>(plan: &Plan<R>) -> Outcome {
    let id = plan.after.id();
    match &plan.before {
        None => Outcome::Created { id },
        Some(before) if before.version() == plan.after.version() => Outcome::Unchanged { id },
        Some(before) => {
            let version = plan.after.version();
            Outcome::Updated { id, before: said::before(before, &plan.after), version }
        }
    }
}

/// Rows by their places, each with the value that its record has.
type Keyed<R> = Vec<(usize, Key<R>)>;

/// Rows by the kind of their keys, and those of one kind in as many steps as the commonest value is common.
fn waves<R: Importable>(keyed: Keyed<R>) -> Vec<Keyed<R>> {
    let mut seen: HashMap<(&'static str, String), usize> = HashMap::new();
    let mut waves: Vec<(usize, &'static str, Keyed<R>)> = Vec::new();
    for (place, key) in keyed {
        let before = seen.entry((key.field(), key.value().to_owned())).or_default();
        let step = *before;
        *before += 1;
        match waves.iter_mut().find(|(number, field, _)| *number == step && *field == key.field()) {
            Some((.., wave)) => wave.push((place, key)),
            None => waves.push((step, key.field(), vec![(place, key)])),
        }
    }
    waves.sort_by_key(|(step, ..)| *step);
    waves.into_iter().map(|(.., wave)| wave).collect()
}
