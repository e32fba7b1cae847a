//! Lists of what is kept (see `tenon_common::kept`), newest first.

use tenon_common::kept::{self, Kept};
use tenon_common::page::PageQuery;

use crate::app::App;
use crate::calls::caller::Identity;
use crate::http::error::ApiError;
use crate::http::response::{Listed, Paging, Shape};

/// The page that is asked for. `query` is what its cursors belong to.
pub async fn list<K: Kept, B: Shape + From<K>>(
    app: &App,
    caller: &Identity,
    query: &str,
    asked: &PageQuery,
) -> Result<Listed<B>, ApiError> {
    let window = Paging::window(&app.cursors, query, asked)?;
    let page = app.db.read(&caller.actor, async |tx| kept::list::<K>(tx, &window).await).await?;
    let paging = Paging { cursors: &app.cursors, query, window: &window };
    Ok(paging.list(page, K::sort_key, B::from))
}
