//! What is accepted in a burst is not left behind: from the API's answer to the last of the receivers.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use uuid::Uuid;

use super::http::{Load, Target, Until, load_and};
use super::options::Options;
use super::row::{Bar, Row, Sample, percentile};
use super::sink::Came;
use super::stage::{PATIENCE, Stage, Tenant, in_turns};

const CLIENTS: usize = 32;
const ID: &[u8] = br#""id":""#;

/// 32 clients create contacts, each for ten webhooks, beside the same for one.
pub(super) async fn burst(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.start_worker().await?;
    let paths: Vec<String> = (0..10).map(|n| format!("/when/burst/{n}")).collect();
    let ten = stage.tenant("Burst", &paths).await?;
    let one = stage.tenant("Heard", &["/when/heard".to_owned()]).await?;
    let name = "one to ten in a burst, accept to last, p99";
    let mut row = Row::new(name, "ms", "one to one in a burst", Bar::AtMost(150.0));
    let ours = async |stage: &mut Stage<'_>| accept_to_last(options, stage, &ten).await;
    let yardstick = async |stage: &mut Stage<'_>| accept_to_last(options, stage, &one).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

async fn accept_to_last(options: &Options, stage: &mut Stage<'_>, tenant: &Tenant) -> Result<Sample> {
    let each = tenant.webhooks.len() as u64;
    stage.execute("checkpoint").await?;
    stage.sink.begin(u64::MAX);
    let meter = stage.meter();
    let started = Instant::now();
    let (made, accepted) = create(&tenant.target, CLIENTS, Until::Elapsed(options.duration())).await?;
    let deliveries = made.done * each;
    let behind = deliveries.saturating_sub(stage.sink.count());
    stage.sink.expect(deliveries);
    let (_, last) = stage.sink.reached(PATIENCE).await?;
    stage.jobs_gone(tenant).await?;
    let spent = meter.stop();
    let mut waits = waits(accepted, &stage.sink.objects(), each)?;
    Ok(Sample::new(percentile(&mut waits, 0.99))
        .cpu(spent.programs() + spent.postgres, deliveries)
        .note("p50 ms", percentile(&mut waits, 0.5))
        .note("at most ms", percentile(&mut waits, 1.0))
        .note("accepted/s", made.rate())
        .note("delivered/s", deliveries as f64 / (last - started).as_secs_f64())
        .note("deliveries left when all were accepted", behind as f64))
}

/// Creates contacts; which, and when each was answered.
pub(super) async fn create(
    target: &Target,
    clients: usize,
    until: Until,
) -> Result<(Load, Vec<(Uuid, Instant)>)> {
    let accepted = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&accepted);
    let note = move |body: &[u8]| {
        let now = Instant::now();
        noting.lock().unwrap_or_else(PoisonError::into_inner).extend(id(body).map(|id| (id, now)));
    };
    let contacts = target.clone();
    let made = load_and(target.address, clients, until, 201, move || contacts.contact(), note).await?;
    let accepted = std::mem::take(&mut *accepted.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(accepted.len() as u64 == made.done, "{} ids in {} answers", accepted.len(), made.done);
    Ok((made, accepted))
}

/// Milliseconds from each answer to the last of its deliveries, of which there are so many.
pub(super) fn waits(
    accepted: Vec<(Uuid, Instant)>,
    came: &HashMap<Uuid, Came>,
    each: u64,
) -> Result<Vec<f64>> {
    let wait = |(id, answered): (Uuid, Instant)| {
        let came = came.get(&id).with_context(|| format!("contact {id} did not come"))?;
        ensure!(came.times >= each, "contact {id} came {} of {each} times", came.times);
        // A receiver may be quicker than the answer.
        Ok(came.last.saturating_duration_since(answered).as_secs_f64() * 1e3)
    };
    accepted.into_iter().map(wait).collect()
}

/// The id of the contact in an answer: the first that it has.
fn id(body: &[u8]) -> Option<Uuid> {
    let at = body.windows(ID.len()).position(|window| window == ID)? + ID.len();
    Uuid::try_parse_ascii(body.get(at..at + 36)?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_contact_of_an_answer_is_the_first_id_in_it() {
        let contact = Uuid::now_v7();
        let body = format!(
            r#"{{"success":true,"data":{{"id":"{contact}","createdBy":{{"id":"{}"}}}}}}"#,
            Uuid::nil()
        );
        assert_eq!(id(body.as_bytes()), Some(contact));
        assert_eq!(id(b"{}"), None);
    }

    #[test]
    fn the_last_of_the_deliveries_counts_and_none_may_be_missing() {
        let (contact, answered) = (Uuid::now_v7(), Instant::now());
        let after = |ms| answered + Duration::from_millis(ms);
        let came = |times| HashMap::from([(contact, Came { first: after(1), last: after(30), times })]);
        let waited = |times| waits(vec![(contact, answered)], &came(times), 10);
        assert_eq!(waited(10).unwrap(), [30.0]);
        assert!(waited(9).is_err());
    }
}
