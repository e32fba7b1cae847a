//! The jobs of imports.

use serde::{Deserialize, Serialize};

use crate::id::{ImportId, TenantId};
use crate::job::{Job, Queue};
use crate::queue::Ends;

macro_rules! import_job {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Whose.
            pub tenant_id: TenantId,
            /// Which.
            pub import_id: ImportId,
        }

        impl Job for $name {
            const KIND: &'static str = $kind;
            const QUEUE: Queue = Queue::Imports;
            const MAX_ATTEMPTS: i32 = 10;
        }
    };
}

import_job! {
    /// Looks at all of a file.
    ValidateImport, "validate-import"
}
import_job! {
    /// Makes records of a file's rows.
    RunImport, "run-import"
}
import_job! {
    /// Takes back what an import did.
    RevertImport, "revert-import"
}
import_job! {
    /// Ends an import whose job was given up.
    EndImport, "end-import"
}

macro_rules! ended {
    ($($name:ident),*) => {
        $(impl Ends for $name {
            type End = EndImport;

            fn end(&self) -> EndImport {
                EndImport { tenant_id: self.tenant_id, import_id: self.import_id }
            }
        })*
    };
}
ended!(ValidateImport, RunImport, RevertImport);
