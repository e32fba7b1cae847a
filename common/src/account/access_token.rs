//! Access tokens: JWTs signed with EdDSA, 10 minutes long, naming their key (`kid`). The algorithm is pinned: a token that
//! says another is refused whatever its signature.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::signing_key::{self, SigningKey};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::role::{Permission, Role};
use crate::secret::MasterKey;

/// How long a token lives, in seconds.
pub const LIFETIME: i64 = 600;

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The tenant.
    pub org: TenantId,
    /// The role in it.
    pub role: Role,
    /// The permissions of the role.
    pub perms: Vec<String>,
    /// `tenant`; other scopes come with impersonation.
    pub scope: String,
    /// The session.
    pub sid: Uuid,
    /// How the user was authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// The epochs of user and tenant when it was issued: a later epoch ends it.
    pub ver: [i64; 2],
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Expires at.
    pub exp: i64,
    /// The token's own id.
    pub jti: Uuid,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its time is over.
    Expired,
    /// It is not a token of this installation.
    Invalid,
}

/// Issues and verifies tokens.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<RwLock<Vec<SigningKey>>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    /// Loads the keys.
    pub async fn load(db: &Db, master: &MasterKey) -> Result<Self> {
        let keys = signing_key::load(db, master).await?;
        Ok(Self { keys: Arc::new(RwLock::new(keys)) })
    }

    /// Loads the keys again: another process may have rotated them.
    pub async fn reload(&self, db: &Db, master: &MasterKey) -> Result<()> {
        let keys = signing_key::load(db, master).await?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// A token for a user in a tenant.
    pub fn issue(
        &self,
        user: UserId,
        tenant: TenantId,
        role: Role,
        epochs: [i64; 2],
        session: Uuid,
    ) -> Result<String> {
        let now = chrono::Utc::now().timestamp();
        let claims = Claims {
            sub: user,
            org: tenant,
            role,
            perms: Permission::ALL
                .into_iter()
                .filter(|p| role.allows(*p))
                .map(|p| p.name().to_owned())
                .collect(),
            scope: "tenant".to_owned(),
            sid: session,
            amr: vec!["pwd".to_owned()],
            ver: epochs,
            iat: now,
            exp: now + LIFETIME,
            jti: Uuid::now_v7(),
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let (key, encoding) = keys
            .iter()
            .find_map(|key| Some((key, key.encoding.as_ref()?)))
            .ok_or_else(|| Error::internal("there is no current signing key"))?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, encoding).map_err(Error::internal)
    }

    /// What a token says, if it is one of ours and its time is not over.
    pub fn verify(&self, token: &str) -> Result<Claims, Refused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
        let kid = header.kid.ok_or(Refused::Invalid)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.iter().find(|key| key.id == kid).ok_or(Refused::Invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.validate_aud = false;
        match jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation) {
            Ok(token) => Ok(token.claims),
            Err(error) if matches!(error.kind(), jsonwebtoken::errors::ErrorKind::ExpiredSignature) => {
                Err(Refused::Expired)
            }
            Err(_) => Err(Refused::Invalid),
        }
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub fn key_set(&self) -> Vec<PublicKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key =
            |key: &SigningKey| PublicKey { kid: key.id.clone(), x: URL_SAFE_NO_PAD.encode(&key.public_key) };
        keys.iter().map(key).collect()
    }
}

/// A public key of the set: OKP, Ed25519, for signatures with EdDSA.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// Its id.
    pub kid: String,
    /// The key, base64url.
    pub x: String,
}
