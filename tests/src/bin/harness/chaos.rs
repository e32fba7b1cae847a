//! `cargo chaos`.
#![expect(clippy::print_stdout, reason = "the list is this command's answer")]

use tenon_tests::chaos::{self, List, Options, Report};

use crate::answer;

/// Breaks things, or says what there is to break.
pub(super) async fn answer(options: &Options) -> i32 {
    if options.list {
        return answer::done(List::of(options).map(|list| print!("{list}")));
    }
    answer::account(chaos::run(options), Report::is_clean).await
}
