//! Places on the wire: signed, and of one tenant.

use chrono::DateTime;
use uuid::Uuid;

use super::{Place, Start};
use crate::error::{Error, QueryCode, Result};
use crate::id::TenantId;
use crate::page::{Cursors, Form};

/// What asks for the changes from now on.
const NOW: &str = "now";

impl Start {
    /// Reads `now` or a cursor of this tenant's. `parameter` is where it came from.
    pub fn parse(cursors: &Cursors, tenant: TenantId, parameter: &'static str, text: &str) -> Result<Self> {
        if text == NOW {
            return Ok(Self::Now);
        }
        let place = cursors.open(Form::Place, text, &feed_of(tenant)).ok().as_deref().and_then(read);
        place.map(Self::After).ok_or_else(|| Error::Query {
            code: QueryCode::Cursor,
            parameter,
            message: "Expected now, or a cursor that this feed gave out".to_owned(),
        })
    }
}

impl Place {
    /// The cursor.
    pub fn cursor(&self, cursors: &Cursors, tenant: TenantId) -> String {
        let mut key = self.xid.to_be_bytes().to_vec();
        key.extend_from_slice(self.id.as_bytes());
        key.extend_from_slice(&self.at.timestamp_micros().to_be_bytes());
        cursors.seal(Form::Place, &feed_of(tenant), &key)
    }
}

fn feed_of(tenant: TenantId) -> String {
    format!("changes {tenant}")
}

fn read(key: &[u8]) -> Option<Place> {
    let (xid, rest) = key.split_first_chunk()?;
    let (id, micros) = rest.split_first_chunk()?;
    let micros = i64::from_be_bytes(micros.try_into().ok()?);
    let at = DateTime::from_timestamp_micros(micros)?;
    Some(Place { xid: i64::from_be_bytes(*xid), id: Uuid::from_bytes(*id), at })
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use proptest::prelude::*;

    use super::*;
    use crate::secret::MasterKey;

    fn cursors() -> Cursors {
        Cursors::new(&MasterKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("32 bytes"))
    }

    fn code(result: Result<Start>) -> Option<QueryCode> {
        match result {
            Err(Error::Query { code, .. }) => Some(code),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_for_its_tenant_only(xid in 0..i64::MAX, id in any::<u128>(), micros in 0..4_000_000_000_000_000_i64) {
            let at = DateTime::from_timestamp_micros(micros).expect("in range");
            let place = Place { xid, id: Uuid::from_u128(id), at };
            let tenant = TenantId::new();
            let cursor = place.cursor(&cursors(), tenant);
            prop_assert_eq!(Start::parse(&cursors(), tenant, "after", &cursor).ok(), Some(Start::After(place)));
            let other = Start::parse(&cursors(), TenantId::new(), "after", &cursor);
            prop_assert_eq!(code(other), Some(QueryCode::Cursor));
        }

        #[test]
        fn no_text_is_mistaken_for_a_cursor(text in ".{0,100}") {
            prop_assume!(text != NOW);
            prop_assert_eq!(code(Start::parse(&cursors(), TenantId::new(), "after", &text)), Some(QueryCode::Cursor));
        }

        #[test]
        fn a_changed_cursor_is_refused(at in 0_usize..66, by in 1_u8..64) {
            const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let place = Place { xid: 7, id: Uuid::now_v7(), at: Utc::now() };
            let tenant = TenantId::new();
            let mut cursor = place.cursor(&cursors(), tenant).into_bytes();
            let digit = ALPHABET.iter().position(|digit| *digit == cursor[at]).expect("base64url");
            cursor[at] = ALPHABET[(digit + usize::from(by)) % 64];
            let cursor = String::from_utf8(cursor).expect("text");
            prop_assert_eq!(code(Start::parse(&cursors(), tenant, "after", &cursor)), Some(QueryCode::Cursor));
        }
    }
}
