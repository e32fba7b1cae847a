//! Records in files: imports, the uploads they may come from, exports.

pub mod exports;
pub mod imports;
pub mod uploads;
