//! The Ed25519 keys that sign access tokens: one current, the next announced before it signs, retired ones kept until the
//! last token they signed has expired. Private halves are sealed in the database, so that all API processes share them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::secret::{MasterKey, Purpose};

/// A key that verifies tokens; the current one signs too.
#[derive(Clone)]
pub struct SigningKey {
    /// The `kid`.
    pub id: String,
    /// The public half, 32 bytes.
    pub public_key: Vec<u8>,
    /// next, current or retired.
    pub state: String,
    pub(crate) decoding: DecodingKey,
    pub(crate) encoding: Option<EncodingKey>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    state: String,
    public_key: Vec<u8>,
    private_key: Vec<u8>,
}

/// All keys, the current one first. Makes the first one where there is none.
pub async fn load(db: &Db, master: &MasterKey) -> Result<Vec<SigningKey>> {
    let rows = rows(db).await?;
    if rows.iter().any(|row| row.state == "current") {
        return rows.into_iter().map(|row| open(row, master)).collect();
    }
    let row = generate(master);
    db.system(async |tx| {
        // Two processes may start at once: the unique index lets one of them win.
        sqlx::query(
            "insert into tenon.signing_keys (id, state, public_key, private_key) values ($1, 'current', $2, $3) on conflict do nothing",
        )
        .bind(&row.id)
        .bind(&row.public_key)
        .bind(&row.private_key)
        .execute(tx.conn())
        .await?;
        Ok(())
    })
    .await?;
    self::rows(db).await?.into_iter().map(|row| open(row, master)).collect()
}

async fn rows(db: &Db) -> Result<Vec<Row>> {
    db.system(async |tx| {
        let statement = "select id, state, public_key, private_key from tenon.signing_keys
                         order by state = 'current' desc, created_at desc";
        Ok(sqlx::query_as(statement).fetch_all(tx.conn()).await?)
    })
    .await
}

fn generate(master: &MasterKey) -> Row {
    let pair = Ed25519KeyPair::generate().expect("the system's randomness works");
    let id = hex::encode(rand::random::<[u8; 8]>());
    let private = pair.to_pkcs8v1().expect("a fresh key has a PKCS #8 form");
    let private_key = master.seal(Purpose::SigningKey, id.as_bytes(), private.as_ref());
    Row { state: "current".to_owned(), public_key: pair.public_key().as_ref().to_vec(), private_key, id }
}

fn open(row: Row, master: &MasterKey) -> Result<SigningKey> {
    let encoding = match row.state.as_str() {
        "current" => {
            let private = master.open(Purpose::SigningKey, row.id.as_bytes(), &row.private_key)?;
            Some(EncodingKey::from_ed_der(&private))
        }
        _ => None,
    };
    if row.public_key.len() != 32 {
        return Err(Error::internal(format!("signing key {} has no Ed25519 public key", row.id)));
    }
    let decoding = DecodingKey::from_ed_der(&row.public_key);
    Ok(SigningKey { id: row.id, public_key: row.public_key, state: row.state, decoding, encoding })
}
