//! What is to become of a record.

use uuid::Uuid;

use super::{Birth, Draft, Fields, Record};
use crate::change::Change;
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::role::Role;
use crate::wire;

/// A record before and after; before there is none where it is new.
#[derive(Clone, Debug)]
pub struct Plan<R> {
    /// As it is.
    pub before: Option<R>,
    /// As it is to be.
    pub after: R,
    /// The delete batch, where it is to be deleted.
    pub(super) batch: Option<Uuid>,
}

impl<R: Record> Plan<R> {
    /// A new record.
    pub(super) fn new(tx: &TenantTx<'_>, fields: Fields<R>) -> Result<Self> {
        let actor = tx.actor();
        let birth = Birth {
            id: Uuid::now_v7(),
            tenant: actor.tenant,
            at: wire::now(),
            by: actor.principal.reference(),
        };
        let mut after = R::blank(birth);
        after.apply(fields)?;
        // What an AGENT creates is its own: it could not see it otherwise.
        let own = (actor.role < Role::Admin).then(|| actor.principal.user()).flatten();
        if let Some(own) = own {
            if after.owner().is_some_and(|owner| owner != own) {
                return Err(Error::Forbidden(format!(
                    "Your role may create {} for yourself only; give them away afterwards",
                    R::listing().name
                )));
            }
            after.set_owner(own);
        }
        Ok(Self { before: None, after, batch: None })
    }

    /// A record as `edit` makes it, not settled yet.
    pub(super) fn edited(before: R, edit: impl FnOnce(R::Draft) -> R::Draft) -> Result<Self> {
        let fields = edit(R::Draft::from(&before)).check().map_err(Error::Invalid)?;
        let mut after = before.clone();
        after.apply(fields)?;
        Ok(Self { before: Some(before), after, batch: None })
    }

    /// A record that somebody changed.
    pub(crate) fn changed(tx: &TenantTx<'_>, before: R, mut after: R) -> Self {
        stamp(tx, &mut after);
        Self { before: Some(before), after, batch: None }
    }

    /// A record that is hidden. Each is a delete batch with what hangs on it, and brought back by itself.
    pub(crate) fn deleted(tx: &TenantTx<'_>, before: R) -> Self {
        let mut after = before.clone();
        stamp(tx, &mut after);
        after.set_deleted_at(Some(after.updated_at()));
        Self { before: Some(before), after, batch: Some(Uuid::now_v7()) }
    }

    /// Whether it hides the record.
    pub fn deletes(&self) -> bool {
        self.batch.is_some()
    }

    /// Notes the change of an edited record, if there is one; whether there is.
    pub(super) fn stamp_if_changed(&mut self, tx: &TenantTx<'_>) -> bool {
        let differs = self.before.as_ref().is_none_or(|before| !before.says_the_same(&self.after));
        if differs {
            stamp(tx, &mut self.after);
        }
        differs
    }

    /// Whether there is something to write.
    pub(super) fn changes(&self) -> bool {
        self.before.as_ref().is_none_or(|before| before.version() != self.after.version())
    }

    /// Whether it comes into somebody's scope or leaves one.
    pub(super) fn moves(&self) -> bool {
        let Some(before) = &self.before else { return false };
        R::REFERENCES.iter().any(|reference| {
            reference.target.is_member() && (reference.id)(before) != (reference.id)(&self.after)
        })
    }

    /// What a field names that it did not name before.
    pub(super) fn names(&self, id: fn(&R) -> Option<Uuid>) -> Option<Uuid> {
        let named = id(&self.after);
        named.filter(|_| self.before.as_ref().is_none_or(|before| id(before) != named))
    }

    /// Its events.
    pub(super) fn events(&self) -> Result<Vec<Change>> {
        match &self.before {
            None => Ok(vec![changed(R::EVENTS.created, None, &self.after)?]),
            Some(before) if self.batch.is_some() => {
                Ok(vec![changed(R::EVENTS.deleted, Some(before), &self.after)?])
            }
            Some(before) => R::changes(before, &self.after),
        }
    }
}

/// Notes a change: the next version, when, by whom.
pub(crate) fn stamp<R: Record>(tx: &TenantTx<'_>, record: &mut R) {
    record.note_change(wire::now(), tx.actor().principal.reference());
}

/// One event of a record.
pub(crate) fn changed<R: Record>(event: EventType, before: Option<&R>, after: &R) -> Result<Change> {
    Ok(Change {
        event,
        object: after.id(),
        version: after.version(),
        at: after.updated_at(),
        before: before.map(R::shown).transpose()?,
        after: after.shown()?,
    })
}
