//! What a seal's hash covers: every column of an entry, so written that no two entries are written alike.

use sha2::{Digest, Sha256};

use super::entry::AuditEntry;

/// SHA-256 of an entry and all before it.
pub type Hash = [u8; 32];

/// What the first entry's hash follows.
pub(super) const BEGINNING: Hash = [0; 32];

/// The hash of an entry that follows the entry with the hash `previous`.
pub(super) fn chained(previous: &Hash, entry: &AuditEntry) -> Hash {
    Sha256::new().chain_update(previous).chain_update(canonical(entry)).finalize().into()
}

/// A hash as it is shown: 64 hexadecimal digits.
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that [`fn@hex`] shows, in either case.
pub fn parse_hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// The columns in their order, each as its length in four bytes and its bytes. What is null has a length that nothing has. Times
/// are microseconds since 1970; numbers are big-endian.
fn canonical(entry: &AuditEntry) -> Vec<u8> {
    // No `..`: a new column cannot be forgotten here.
    let AuditEntry {
        tenant_id,
        id,
        at,
        xid,
        action,
        category,
        actor_kind,
        actor_id,
        resource_type,
        resource_id,
        resource_version,
        outcome,
        changes,
        request_id,
        ip,
        user_agent,
        count,
        operation,
        reason,
        account,
    } = entry;
    let mut bytes = Vec::with_capacity(256 + changes.as_ref().map_or(0, String::len));
    let mut put = |value: Option<&[u8]>| match value {
        None => bytes.extend(u32::MAX.to_be_bytes()),
        Some(value) => {
            // A value has at most 1 GiB.
            bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX - 1).to_be_bytes());
            bytes.extend(value);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    put(Some(tenant_id.as_bytes()));
    put(Some(id.as_bytes()));
    put(Some(&at.timestamp_micros().to_be_bytes()));
    put(Some(xid.as_bytes()));
    put(Some(action.as_bytes()));
    put(Some(category.as_bytes()));
    put(Some(actor_kind.as_bytes()));
    put(actor_id.as_ref().map(|id| &id.as_bytes()[..]));
    put(text(resource_type).as_deref());
    put(resource_id.as_ref().map(|id| &id.as_bytes()[..]));
    put(resource_version.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..]));
    put(Some(outcome.as_bytes()));
    put(text(changes).as_deref());
    put(text(request_id).as_deref());
    put(text(ip).as_deref());
    put(text(user_agent).as_deref());
    put(Some(&count.to_be_bytes()));
    put(text(operation).as_deref());
    put(text(reason).as_deref());
    put(text(account).as_deref());
    bytes
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// Few values of each kind, so that two entries often differ in one column alone, or have the same texts in other columns.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{0,2}", "\\PC{0,8}", Just("\0\0\0\u{1}a".to_owned())]
    }

    fn id() -> impl Strategy<Value = Uuid> {
        (0u128..3).prop_map(Uuid::from_u128)
    }

    fn option<T: std::fmt::Debug + Clone>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
        proptest::option::of(of)
    }

    prop_compose! {
        fn entry()(
            ids in (id(), id(), option(id()), option(id())),
            at in 0i64..3,
            required in (text(), text(), text(), text(), text()),
            optional in (option(text()), option(text()), option(text()), option(text()), option(text())),
            direct in (option(text()), option(text()), option(text())),
            resource_version in option(0i64..3),
            count in 1i32..3,
        ) -> AuditEntry {
            let (tenant_id, id, actor_id, resource_id) = ids;
            let (xid, action, category, actor_kind, outcome) = required;
            let (resource_type, changes, request_id, ip, user_agent) = optional;
            let (operation, reason, account) = direct;
            AuditEntry {
                tenant_id, id, at: DateTime::from_timestamp_micros(at).expect("an instant"), xid, action, category, actor_kind, actor_id,
                resource_type, resource_id, resource_version, outcome, changes, request_id, ip, user_agent, count,
                operation, reason, account,
            }
        }
    }

    /// The columns again.
    fn read(mut bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
        let mut columns = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let length = u32::from_be_bytes(*length);
            let end = if length == u32::MAX { 0 } else { length as usize };
            let (value, rest) = rest.split_at(end);
            columns.push((length != u32::MAX).then(|| value.to_vec()));
            bytes = rest;
        }
        columns
    }

    proptest! {
        #[test]
        fn two_entries_are_written_alike_only_if_they_are_alike(one in entry(), other in entry()) {
            prop_assert_eq!(one == other, canonical(&one) == canonical(&other));
        }

        #[test]
        fn what_is_written_can_be_read_column_by_column(entry in entry()) {
            let columns = read(&canonical(&entry));
            prop_assert_eq!(columns.len(), 20);
            let text = |at: usize| columns[at].clone().map(|bytes| String::from_utf8(bytes).expect("text"));
            prop_assert_eq!(columns[0].as_deref(), Some(&entry.tenant_id.as_bytes()[..]));
            prop_assert_eq!(columns[7].clone(), entry.actor_id.map(|id| id.as_bytes().to_vec()));
            prop_assert_eq!(text(4), Some(entry.action));
            prop_assert_eq!(text(12), entry.changes);
            prop_assert_eq!(text(13), entry.request_id);
            prop_assert_eq!(text(14), entry.ip);
            prop_assert_eq!(text(15), entry.user_agent);
            prop_assert_eq!(text(17), entry.operation);
            prop_assert_eq!(text(18), entry.reason);
            prop_assert_eq!(text(19), entry.account);
        }

        #[test]
        fn a_hash_is_read_as_it_is_shown(hash in any::<[u8; 32]>()) {
            prop_assert_eq!(parse_hash(&hex(&hash)), Some(hash));
            prop_assert_eq!(parse_hash(&hex(&hash).to_uppercase()), Some(hash));
        }

        #[test]
        fn only_64_digits_are_a_hash(text in "\\PC{0,70}|[0-9a-f]{0,70}") {
            let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            prop_assert_eq!(parse_hash(&text).is_some(), digits);
        }

        #[test]
        fn the_hash_depends_on_what_was_before(entry in entry()) {
            let first = chained(&BEGINNING, &entry);
            prop_assert_ne!(first, chained(&first, &entry));
        }
    }
}
