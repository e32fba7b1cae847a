//! Exports: all records that a list's query asks for, in a form that programs and spreadsheets read.
//!
//! Pages are read in transactions of their own and written into bytes at once, so that an export of millions of records takes no
//! more memory than one of thousands, and holds no connection while somebody reads slowly. It is not one snapshot: a record that is
//! changed meanwhile is there as it was when its page was read.
//!
//! The API sends them while they are read; [`job`] has a worker write them into a file of the storage.

mod cells;
mod csv;
mod format;
pub mod job;
mod rows;
mod told;

#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use crate::crm::record::Record;
use crate::error::{Error, Result};
use crate::list::Walk;
use crate::{Actor, Db};

pub use format::{Format, Style};
pub use told::{Aborted, Told};

use rows::Rows;

/// An export under way.
#[derive(Debug)]
pub struct Export<R> {
    walk: Walk,
    rows: Rows,
    /// Records that were written.
    count: u64,
    bytes: u64,
    _of: PhantomData<fn() -> R>,
}

impl<R: Record> Export<R> {
    /// Of what `walk` reads.
    pub fn new(walk: Walk, style: Style) -> Self {
        let rows = Rows::new(R::listing().members, walk.fields(), style);
        Self { walk, rows, count: 0, bytes: 0, _of: PhantomData }
    }

    /// The next bytes, about two megabytes at most; nothing at the end. Between two calls nothing is held.
    pub async fn next(&mut self, db: &Db, actor: &Actor) -> Result<Option<Vec<u8>>> {
        let mut found = 0;
        while found == 0 && !self.walk.is_over() {
            let before = self.rows.len();
            match self.page(db, actor).await {
                Ok(count) => found = count,
                Err(Error::Timeout) if self.walk.slow_down() => self.rows.truncate(before),
                Err(error) => return Err(error),
            }
        }
        self.count += found;
        let bytes = self.rows.take();
        self.bytes += bytes.len() as u64;
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// How many records were written.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes there were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a page; how many records it has.
    async fn page(&mut self, db: &Db, actor: &Actor) -> Result<u64> {
        let (walk, rows) = (&mut self.walk, &mut self.rows);
        let mut count = 0;
        db.read(actor, async |tx| {
            if !R::FILLED {
                return walk
                    .page(tx, |record: R| {
                        count += 1;
                        rows.write(&record)
                    })
                    .await;
            }
            let mut records: Vec<R> = Vec::new();
            walk.page(tx, |record| {
                records.push(record);
                Ok(())
            })
            .await?;
            R::fill(tx, &mut records).await?;
            count += records.len() as u64;
            records.iter().try_for_each(|record| rows.write(record))
        })
        .await?;
        Ok(count)
    }
}
