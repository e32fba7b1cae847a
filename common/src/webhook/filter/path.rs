//! Paths into the body, such as `data.createdBy.id`.

use serde_json::Value as Json;

use super::fields::{ENVELOPE, Form, Members, data};
use crate::entity::EntityKind;

/// A refusal names the fields that there are, unless they are more than this.
const MOST_NAMED: usize = 40;

/// The members on the way, from the body's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Box<str>>,
    /// From this step on a member that is not there has no value; before, that cannot be judged.
    gentle_from: usize,
}

/// What is at the end of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found<'b> {
    /// The path leads nowhere.
    Missing,
    /// There is no value.
    Nothing,
    /// A value.
    One(&'b Json),
    /// The values of all items of a list.
    Many(Vec<&'b Json>),
}

impl Path {
    /// The path of that name, and what is at its end in the bodies of events of these kinds of things.
    ///
    /// # Errors
    /// Words, where none of those bodies has such a field.
    pub(super) fn of(name: &str, kinds: &[EntityKind]) -> Result<(Self, Form), String> {
        let steps: Vec<&str> = name.split('.').collect();
        let of = |form, gentle_from| {
            (Self { steps: steps.iter().map(|step| (*step).into()).collect(), gentle_from }, form)
        };
        let (first, rest) = steps.split_first().ok_or_else(|| unknown(name, kinds))?;
        if *first != "data" && *first != "previous" {
            let (form, gentle) = walk(ENVELOPE, &steps).ok_or_else(|| unknown(name, kinds))?;
            // An event that is part of nothing larger has no member of it.
            let gentle = if *first == "bulk" { 1 } else { gentle };
            return Ok(of(form, gentle));
        }
        if rest.is_empty() {
            return Ok(of(Form::Object(&[]), usize::MAX));
        }
        let found = kinds.iter().find_map(|kind| walk(&data(*kind), rest));
        let (form, gentle) = found.ok_or_else(|| unknown(name, kinds))?;
        // What an update did not change is not in `previous`.
        let gentle = if *first == "previous" { 1 } else { gentle.saturating_add(1) };
        Ok(of(form, gentle))
    }

    /// As it is written.
    pub(super) fn name(&self) -> String {
        self.steps.join(".")
    }

    /// What is there.
    pub(super) fn find<'b>(&self, body: &'b Json) -> Found<'b> {
        let mut found = Vec::new();
        match self.collect(body, 0, &mut found) {
            None => Found::Missing,
            Some(false) => found.pop().map_or(Found::Nothing, Found::One),
            Some(true) => Found::Many(found),
        }
    }

    /// Takes in the values from a step on; answers whether they are of a list, and nothing where the path leads nowhere.
    fn collect<'b>(&self, at: &'b Json, step: usize, found: &mut Vec<&'b Json>) -> Option<bool> {
        let Some(name) = self.steps.get(step) else {
            found.extend(Some(at).filter(|value| !value.is_null()));
            return Some(false);
        };
        match at {
            Json::Null => Some(false),
            Json::Object(members) => match members.get(&**name) {
                Some(member) => self.collect(member, step + 1, found),
                None if step >= self.gentle_from => Some(false),
                None => None,
            },
            Json::Array(items) => {
                for item in items {
                    self.collect(item, step, found)?;
                }
                Some(true)
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
        }
    }
}

/// What is behind these steps, and the step from which on clients decide what is there.
fn walk(members: &[(&'static str, Form)], steps: &[&str]) -> Option<(Form, usize)> {
    let (first, mut rest) = steps.split_first()?;
    let mut form = member(members, first)?;
    let mut depth = 1;
    let mut many = matches!(form, Form::Objects(_));
    while let Some((step, behind)) = rest.split_first() {
        if form == Form::Free {
            let named = rest.iter().all(|step| !step.is_empty());
            return named.then_some((form, depth));
        }
        form = member(form.members()?, step)?;
        many |= matches!(form, Form::Objects(_));
        rest = behind;
        depth += 1;
    }
    Some((if many { form.many() } else { form }, usize::MAX))
}

fn member(members: &[(&'static str, Form)], name: &str) -> Option<Form> {
    members.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
}

fn unknown(name: &str, kinds: &[EntityKind]) -> String {
    let shown: String = name.chars().take(60).collect();
    let within = name.split_once('.').map(|(first, _)| first).filter(|first| is_of_data(first));
    let Some(within) = within else {
        return format!(
            "There is no field {shown:?}; there are: {}",
            names(ENVELOPE).join(", ") + ", data, previous"
        );
    };
    let mut known: Vec<&str> = Vec::new();
    for kind in kinds {
        known.extend(data(*kind).iter().map(|(name, _)| *name));
    }
    known.sort_unstable();
    known.dedup();
    match known.len() {
        0..=MOST_NAMED => {
            format!("None of the events has a field {shown:?}; {within} has: {}", known.join(", "))
        }
        _ => format!(
            "None of the events has a field {shown:?}; GET /api/v1/event-types names the schemas of data"
        ),
    }
}

fn is_of_data(first: &str) -> bool {
    first == "data" || first == "previous"
}

fn names(members: Members) -> Vec<&'static str> {
    members.iter().map(|(name, _)| *name).collect()
}
