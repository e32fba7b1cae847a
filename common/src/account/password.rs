//! Passwords: argon2id (19 MiB, 2 passes, 1 lane: OWASP's least recommendation), off the async threads, two at a time at most,
//! so that a flood of logins neither stalls requests nor fills the memory.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::{Error, FieldError, Result};

static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// The least number of characters.
pub const MIN_LENGTH: usize = 12;

fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Checks what a new password must be.
pub fn check(password: &str) -> Result<(), FieldError> {
    if (MIN_LENGTH..=1024).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(FieldError::new(
        "password",
        "INVALID_LENGTH",
        format!("Password must have {MIN_LENGTH} to 1024 characters"),
    ))
}

/// The hash of a new password, in PHC form.
pub async fn hash(password: &str) -> Result<String> {
    let password = Zeroizing::new(password.as_bytes().to_vec());
    blocking(move || hasher().hash_password(&password).map(|hash| hash.to_string()))
        .await?
        .map_err(Error::internal)
}

/// Whether the password is the one of the hash. Without a hash it takes as long, and is not: the answer's time does not tell
/// whether an account exists.
pub async fn verify(password: &str, hash: Option<&str>) -> Result<bool> {
    /// Of a password that nobody has: 32 random bytes.
    static NOBODY: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let nobody = NOBODY
        .get_or_try_init(|| async { self::hash(&hex::encode(rand::random::<[u8; 32]>())).await })
        .await?;
    let known = hash.is_some();
    let hash = hash.unwrap_or(nobody).to_owned();
    let password = Zeroizing::new(password.as_bytes().to_vec());
    let right = blocking(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| hasher().verify_password(&password, &hash).is_ok())
    })
    .await?;
    Ok(right && known)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _turn = AT_ONCE.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_verifies() {
        let hash = hash("correct horse battery").await.expect("hashes");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse battery", Some(&hash)).await.expect("verifies"));
        assert!(!verify("correct horse", Some(&hash)).await.expect("verifies"));
        assert!(!verify("correct horse battery", None).await.expect("verifies"));
        assert!(!verify("x", Some("not a hash")).await.expect("verifies"));
    }
}
