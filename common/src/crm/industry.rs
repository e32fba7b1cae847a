//! Industries: what a tenant's companies can be in. The list is the tenant's own; a new tenant's is filled with the default one.

use serde::Serialize;

use crate::db::TenantTx;
use crate::db::record::record;
use crate::error::Result;

/// An industry that a company can be in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Industry {
    /// Its name, which is what a company says of itself.
    pub name: String,
}

record!(Industry { name });

/// The tenant's industries, in the order in which it shows them.
pub async fn list(tx: &mut TenantTx<'_>) -> Result<Vec<Industry>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.industries where tenant_id = $1 order by display_order, name"
    );
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).fetch_all(tx.conn()).await?)
}
