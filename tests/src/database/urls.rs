//! The same server under another login, or another database of it.

use anyhow::{Context, Result};
use url::Url;

/// The URL of another database of the same server, with the same login.
pub fn with_database(url: &str, database: &str) -> Result<String> {
    let mut url = parse(url)?;
    url.set_path(database);
    keep_parameters(&mut url, |name| name != "dbname");
    Ok(url.into())
}

/// The URL of the same database for another login.
pub fn with_login(url: &str, user: &str, password: &str) -> Result<String> {
    let mut url = parse(url)?;
    // A URL without a host cannot hold a login either; sqlx and libpq read it from the parameters too.
    let in_authority = url.set_username(user).is_ok() && url.set_password(Some(password)).is_ok();
    keep_parameters(&mut url, |name| name != "user" && name != "password");
    if !in_authority {
        url.query_pairs_mut().append_pair("user", user).append_pair("password", password);
    }
    Ok(url.into())
}

fn parse(url: &str) -> Result<Url> {
    Url::parse(url).context("the database's URL")
}

fn keep_parameters(url: &mut Url, keep: impl Fn(&str) -> bool) {
    let kept: Vec<(String, String)> = url.query_pairs().filter(|(name, _)| keep(name)).map(owned).collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
}

fn owned(pair: (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)) -> (String, String) {
    (pair.0.into_owned(), pair.1.into_owned())
}
