//! Idempotency keys: a change that is asked for again under the same key is not made again, its answer is given again.
//!
//! [`claim`] is the first statement of the change's transaction, [`save`] its last: a change and its saved answer are
//! committed together, so that a crash leaves both or neither. Only successes are saved; what was refused may be tried again
//! under the same key.

use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::role::Role;
use crate::secret::{MasterKey, Purpose};
use crate::version::ApiVersion;

const HASH: usize = 32;

/// A request under a key, as hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// Whose key it is, and for what: tenant, principal, method, path and the key itself.
    key: [u8; HASH],
    /// What was asked for: query and body.
    request: [u8; HASH],
}

/// A request, as far as it matters to its key.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The whole path.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: &'a str,
    /// As it was received.
    pub body: &'a [u8],
    /// The version of the API that it was made in, where one was chosen: the same bytes may mean something else in another.
    pub version: Option<ApiVersion>,
}

/// An answer as it was given, apart from what is said of each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 2xx.
    pub status: u16,
    /// `ETag`, `Location` and the like.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Keyed {
    /// The request of an actor under a key.
    pub fn new(actor: &Actor, key: &str, request: &Request<'_>) -> Self {
        let principal = actor.principal.reference().to_string();
        let tenant = actor.tenant.0;
        // Below ADMIN an answer is of what that role sees: who was given another one since does not get it again.
        let scope = (actor.role < Role::Admin).then_some(actor.role.name().as_bytes());
        // What was asked for when there was one version is found again under it.
        let version = request
            .version
            .filter(|version| *version != ApiVersion::FIRST)
            .map(|version| version.to_string());
        let version = version.as_ref().map(String::as_bytes);
        let asked = [request.query.as_bytes(), request.body];
        let parts =
            [tenant.as_bytes(), principal.as_bytes(), request.method.as_bytes(), request.path.as_bytes()];
        Self {
            key: hash(parts.into_iter().chain([key.as_bytes()])),
            request: hash(asked.into_iter().chain(scope).chain(version)),
        }
    }

    /// The number of the lock: the beginning of the key's hash.
    fn lock(&self) -> i64 {
        self.key.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
    }

    fn seal(&self, master: &MasterKey, answer: &Answer) -> Result<Vec<u8>> {
        let head = serde_json::to_vec(&(answer.status, &answer.headers)).map_err(Error::internal)?;
        let plain = [self.request.as_slice(), &head, b"\n", &answer.body].concat();
        Ok(master.seal(Purpose::SavedAnswer, &self.key, &plain))
    }

    /// The answer, or none where it is that of another request.
    fn open(&self, master: &MasterKey, sealed: &[u8]) -> Result<Option<Answer>> {
        let broken = || Error::internal("a saved answer is not what was saved");
        let plain = master.open(Purpose::SavedAnswer, &self.key, sealed)?;
        let (request, said) = plain.split_at_checked(HASH).ok_or_else(broken)?;
        if request != self.request {
            return Ok(None);
        }
        let end = said.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
        let (head, body) = said.split_at(end);
        let (status, headers) = serde_json::from_slice(head).map_err(Error::internal)?;
        Ok(Some(Answer { status, headers, body: body.iter().skip(1).copied().collect() }))
    }
}

/// Each part with its length, so that no two lists of parts read the same.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; HASH] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Claims the key for this transaction; the saved answer, where the change was made before. One round trip.
///
/// # Errors
/// `IdempotencyInProgress` while another transaction has the key and nothing is saved under it, `IdempotencyKeyReused` where it was another request's.
pub async fn claim(tx: &mut TenantTx<'_>, keyed: &Keyed, master: &MasterKey) -> Result<Option<Answer>> {
    let (in_flight, sealed): (bool, Option<Vec<u8>>) =
        sqlx::query_as("select in_flight, answer from tenon.claim_idempotency_key($1, $2, $3)")
            .bind(tx.actor().tenant)
            .bind(keyed.key.as_slice())
            .bind(keyed.lock())
            .fetch_one(tx.conn())
            .await?;
    let claimed = match sealed {
        _ if in_flight => Err(Error::IdempotencyInProgress),
        None => Ok(None),
        Some(sealed) => keyed.open(master, &sealed)?.map(Some).ok_or(Error::IdempotencyKeyReused),
    };
    let outcome = match &claimed {
        Ok(None) => "new",
        Ok(Some(_)) => "replayed",
        Err(Error::IdempotencyInProgress) => "conflict",
        Err(_) => "mismatch",
    };
    metrics::counter!("tenon_idempotency_total", "outcome" => outcome).increment(1);
    claimed
}

/// Saves the answer of a claimed key for 24 hours. One statement; replaces what has expired.
pub async fn save(tx: &mut TenantTx<'_>, keyed: &Keyed, master: &MasterKey, answer: &Answer) -> Result<()> {
    let saved = sqlx::query(
        "insert into tenon.idempotency_keys as saved (tenant_id, key_hash, answer, expires_at)
         values ($1, $2, $3, now() + interval '24 hours')
         on conflict (tenant_id, key_hash) do update set answer = excluded.answer, expires_at = excluded.expires_at
         where saved.expires_at <= now()",
    )
    .bind(tx.actor().tenant)
    .bind(keyed.key.as_slice())
    .bind(keyed.seal(master, answer)?)
    .execute(tx.conn())
    .await?;
    match saved.rows_affected() {
        1 => Ok(()),
        // The lock keeps others away; should it ever not, the change is not made twice.
        _ => Err(Error::IdempotencyInProgress),
    }
}

/// Removes saved answers of all tenants that have expired, at most so many; how many it removed.
pub async fn remove_expired(db: &Db, most: i32) -> Result<i64> {
    let mut connection = db.lookup().await?;
    let removed = sqlx::query_scalar("select tenon.remove_expired_idempotency_keys($1)").bind(most);
    Ok(removed.fetch_one(&mut *connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Principal;
    use crate::id::{TenantId, UserId};

    const REQUEST: Request<'_> =
        Request { method: "POST", path: "/a", query: "", body: b"{}", version: None };

    #[test]
    fn a_key_is_its_owners_and_for_one_operation() {
        let actor = Actor::system(TenantId::new());
        let keyed = Keyed::new(&actor, "k", &REQUEST);
        assert_eq!(keyed, Keyed::new(&actor, "k", &REQUEST));
        let user = Actor { principal: Principal::User(UserId::new()), ..actor.clone() };
        for other in [
            Keyed::new(&Actor::system(TenantId::new()), "k", &REQUEST),
            Keyed::new(&user, "k", &REQUEST),
            Keyed::new(&actor, "l", &REQUEST),
            Keyed::new(&actor, "k", &Request { method: "PUT", ..REQUEST }),
            Keyed::new(&actor, "k", &Request { path: "/b", ..REQUEST }),
            // The same bytes, parted elsewhere.
            Keyed::new(&actor, "ak", &Request { path: "/", ..REQUEST }),
        ] {
            assert_ne!(other.key, keyed.key);
        }
        let first = Request { version: Some(ApiVersion::FIRST), ..REQUEST };
        assert_eq!(
            Keyed::new(&actor, "k", &first),
            keyed,
            "the version that there was before there were others"
        );
        let later = "2027-01-01".parse().ok();
        for other in [
            Request { query: "a", ..REQUEST },
            Request { body: b"[]", ..REQUEST },
            Request { version: later, ..REQUEST },
        ] {
            let other = Keyed::new(&actor, "k", &other);
            assert!(other.key == keyed.key && other.request != keyed.request);
        }
    }

    #[test]
    fn an_answer_is_not_given_again_to_a_lower_role() {
        let user = Principal::User(UserId::new());
        let as_role = |role| Actor { principal: user, role, ..Actor::system(TenantId(uuid::Uuid::nil())) };
        let [client, agent, admin, developer] = [Role::Client, Role::Agent, Role::Admin, Role::Developer]
            .map(|role| Keyed::new(&as_role(role), "k", &REQUEST));
        assert_eq!(admin, developer, "they see the same");
        for lower in [client, agent] {
            assert!(lower.key == admin.key && lower.request != admin.request);
        }
        assert_ne!(client.request, agent.request);
    }

    #[test]
    fn an_answer_opens_for_its_request_alone() {
        let master = MasterKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("32 bytes");
        let actor = Actor::system(TenantId::new());
        let keyed = Keyed::new(&actor, "k", &REQUEST);
        let headers = vec![("location".to_owned(), "/a\n".to_owned())];
        for body in [b"".as_slice(), b"\n{\n}\n"] {
            let answer = Answer { status: 201, headers: headers.clone(), body: body.to_vec() };
            let sealed = keyed.seal(&master, &answer).expect("sealed");
            assert_eq!(keyed.open(&master, &sealed).expect("opens"), Some(answer));
            let other = Keyed::new(&actor, "k", &Request { body: b"[]", ..REQUEST });
            assert_eq!(other.open(&master, &sealed).expect("opens"), None);
            let elsewhere = Keyed::new(&actor, "l", &REQUEST);
            assert!(elsewhere.open(&master, &sealed).is_err(), "sealed for another row");
        }
    }
}
