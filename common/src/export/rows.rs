//! Records as bytes, in whatever form was asked for.

use serde::Serialize;
use serde_json::Value;

use super::cells::{self, Cells};
use super::csv::Csv;
use super::{Format, Style};
use crate::error::{Error, Result};

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Bytes that grow by whole records.
#[derive(Debug)]
pub(super) struct Rows {
    form: Form,
    /// Which members are wanted, where not all are.
    wanted: Option<Vec<bool>>,
    /// The most bytes that were taken at once: so many will be wanted again.
    most: usize,
}

#[derive(Debug)]
enum Form {
    Csv(Csv),
    Ndjson { bytes: Vec<u8>, members: &'static [&'static str] },
}

impl Rows {
    /// Of records with these members, of which some may be asked for; they keep their order. CSV begins with their names.
    pub(super) fn new(members: &'static [&'static str], fields: Option<&[&str]>, style: Style) -> Self {
        let wanted = fields.map(|fields| members.iter().map(|member| fields.contains(member)).collect());
        let form = match style.format {
            Format::Csv => Form::Csv(headed(members, wanted.as_deref(), style)),
            // A workbook is made of these lines.
            Format::Ndjson | Format::Xlsx => Form::Ndjson { bytes: Vec::new(), members },
        };
        Self { form, wanted, most: 0 }
    }

    /// Writes a record, whose serialization has the members in their order.
    pub(super) fn write(&mut self, record: &impl Serialize) -> Result<()> {
        match &mut self.form {
            Form::Csv(csv) => {
                cells::write(record, csv, self.wanted.as_deref()).map_err(Error::internal)?;
                csv.end();
            }
            Form::Ndjson { bytes, members } => {
                match &self.wanted {
                    None => serde_json::to_writer(&mut *bytes, record),
                    Some(wanted) => serde_json::to_writer(&mut *bytes, &cut(record, members, wanted)?),
                }
                .map_err(Error::internal)?;
                bytes.push(b'\n');
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        match &self.form {
            Form::Csv(csv) => csv.bytes.len(),
            Form::Ndjson { bytes, .. } => bytes.len(),
        }
    }

    /// Takes back what was written behind so many bytes.
    pub(super) fn truncate(&mut self, length: usize) {
        self.bytes().truncate(length);
    }

    /// What was written since it was taken last.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.most = self.most.max(self.len());
        // A quarter more: pages are not quite the same.
        let next = Vec::with_capacity(self.most + self.most / 4);
        std::mem::replace(self.bytes(), next)
    }

    fn bytes(&mut self) -> &mut Vec<u8> {
        match &mut self.form {
            Form::Csv(csv) => &mut csv.bytes,
            Form::Ndjson { bytes, .. } => bytes,
        }
    }
}

/// A table with its line of names.
fn headed(members: &[&str], wanted: Option<&[bool]>, style: Style) -> Csv {
    let shown = |place: &usize| wanted.is_none_or(|wanted| wanted.get(*place) == Some(&true));
    let names: Vec<&str> = (0..members.len()).filter(shown).map(|place| members[place]).collect();
    let mut csv = Csv::new(names.len(), style.raw);
    if style.bom {
        csv.bytes.extend_from_slice(BOM);
    }
    for name in names {
        csv.text(name);
    }
    csv.end();
    csv
}

/// A record with the members that are wanted.
fn cut(record: &impl Serialize, members: &[&str], wanted: &[bool]) -> Result<Value> {
    let mut whole = serde_json::to_value(record).map_err(Error::internal)?;
    if let Value::Object(object) = &mut whole {
        let wanted =
            |name: &str| members.iter().zip(wanted).any(|(member, wanted)| *wanted && *member == name);
        object.retain(|name, _| wanted(name));
    }
    Ok(whole)
}
