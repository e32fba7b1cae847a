//! `cargo switch-run`: webhooks are switched at random beside writers, by the real API and a worker that is killed now and then, and an
//! account of every event: what was made for a webhook has been received, or its enabling has told of it.

mod account;
mod arrivals;
mod options;
mod switches;
mod writes;

use anyhow::{Context, Result, bail};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

use crate::stack::Stack;
use crate::{Cluster, Receiver, Reply};
pub use account::Account;
use arrivals::Arrivals;
pub use options::Options;
use switches::Switched;
use writes::Writes;

/// Outages must not use up the attempts of a delivery.
const SCHEDULE: &str = "0,0.1,0.2,0.5,1,1,2,2,2,5,5,5,10,10,10";
/// A kill comes so late in its round at most.
const ROUND: Duration = Duration::from_millis(150);
const WRITERS: usize = 2;

/// Does all of it, on the shared server. Ends with the first account that is not clean.
///
/// # Errors
/// Where something does not start, or the API answers otherwise than it should.
pub async fn run(options: &Options) -> Result<Account> {
    let mut stack = Stack::with(SCHEDULE, Cluster::shared().await).await;
    let (receiver, arrivals) = (Receiver::start().await, Arrivals::default());
    let book = arrivals.clone();
    let mut rng = StdRng::seed_from_u64(options.seed.into());
    let mut answers = StdRng::seed_from_u64(rng.random());
    receiver.always(move |request| {
        let (fails, after) =
            (answers.random_ratio(1, 12), Duration::from_millis(answers.random_range(0..30)));
        if !fails {
            book.note(request);
        }
        Reply::status(if fails { 500 } else { 204 }).after(after)
    });
    let mut webhooks = Switched::create_all(&stack, &receiver).await?;
    let mut writes: Vec<Writes> = (0..WRITERS).map(|_| Writes::default()).collect();
    let mut kills = 0;
    for round in 1..=options.rounds {
        kills += u32::from(one(&mut stack, &mut rng, &mut webhooks, &mut writes, options).await?);
        if round % options.account_every == 0 || round == options.rounds {
            for webhook in &mut webhooks {
                webhook.enable(&stack.owner).await?;
            }
            account::settle(&stack).await?;
            let mut account = Account::draw_up(options, &stack, &webhooks, &writes, &arrivals).await?;
            (account.rounds, account.kills) = (round, kills);
            eprintln!("{account}");
            if round == options.rounds || !account.is_clean() {
                return Ok(account);
            }
        }
    }
    bail!("there was no round")
}

/// A round; whether the worker was killed in it.
async fn one(
    stack: &mut Stack,
    rng: &mut StdRng,
    webhooks: &mut [Switched],
    writes: &mut [Writes],
    options: &Options,
) -> Result<bool> {
    let owner = stack.owner.clone();
    let mut own = || StdRng::seed_from_u64(rng.random());
    let writing = writes.iter_mut().map(|writes| (own(), writes)).collect::<Vec<_>>();
    let switching = webhooks.iter_mut().map(|webhook| (own(), webhook)).collect::<Vec<_>>();
    let (is_killed, after) = (rng.random_ratio(1, options.kill_in), ROUND.mul_f64(rng.random()));
    let client = &owner;
    let writing =
        writing.into_iter().map(|(mut rng, writes)| async move { writes.some(client, &mut rng).await });
    let writing = futures::future::try_join_all(writing);
    let switching = switching.into_iter().map(|(rng, webhook)| webhook.some(client, rng));
    let switching = futures::future::try_join_all(switching);
    let killing = async {
        if is_killed {
            tokio::time::sleep(after).await;
            stack.worker.kill9().await;
            stack.worker.try_start_again().await.context("starting the worker again")?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(writing, switching, killing)?;
    Ok(is_killed)
}
