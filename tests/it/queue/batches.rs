//! Many jobs at once: handlers, preparation, acknowledgement, injection.

use super::support::{Bench, Letter, Note, Seen, notes};
use sqlx::{Connection, PgConnection};
use std::collections::HashSet;
use tenon_common::job::EncodedJob;
use tenon_common::queue::{Acked, Acknowledge, Claimed, Outcome, Prepare, Registration, Registry, ack};
use tenon_tests::eventually;
use uuid::Uuid;

#[tokio::test]
async fn a_batch_is_of_one_lane_and_each_job_has_its_outcome() {
    let bench = Bench::new().await;
    let lanes = [Uuid::now_v7(), Uuid::now_v7()];
    for lane in lanes {
        bench.enqueue(Some(lane), &(0..100).map(|n| Note { n }).collect::<Vec<_>>()).await;
    }
    let seen = Seen::new();
    let into = seen.clone();
    let registration = Registration::<Note>::batch(30, move |batch: Vec<Claimed<Note>>| {
        into.push(batch.iter().map(|note| (note.job.lane.unwrap(), note.args.n)).collect::<Vec<_>>());
        async move {
            let outcome =
                |note: &Claimed<Note>| if note.args.n == 7 { Outcome::kill("seven") } else { Outcome::Done };
            batch.iter().map(outcome).collect()
        }
    });
    let worker = bench.worker(Registry::new().register(registration));
    eventually("only the sevens are left", async || {
        let rows = bench.rows().await;
        rows.len() == 2 && rows.iter().all(|row| row.error() == "seven")
    })
    .await;
    let batches = seen.all();
    assert!(
        batches.iter().all(|batch| batch.len() <= 30 && batch.iter().all(|(lane, _)| *lane == batch[0].0))
    );
    assert!(batches.iter().any(|batch| batch.len() > 1));
    let ran: HashSet<_> = batches.into_iter().flatten().collect();
    assert_eq!(ran.len(), 200);
    worker.stop().await;
}

struct Doubling(Seen<usize>);

impl Prepare<Note> for Doubling {
    async fn prepare(&self, claim: &mut [Claimed<Note>]) -> tenon_common::Result<Vec<(usize, Outcome)>> {
        self.0.push(claim.len());
        for note in claim.iter_mut() {
            note.extensions.insert(note.args.n * 2);
        }
        let thirteenth = claim.iter().position(|note| note.args.n == 13);
        Ok(thirteenth.map(|position| (position, Outcome::kill("unlucky"))).into_iter().collect())
    }
}

#[tokio::test]
async fn a_claim_is_prepared_at_once() {
    let bench = Bench::new().await;
    bench.notes(40).await;
    let (claims, seen) = (Seen::new(), Seen::new());
    let into = seen.clone();
    let registration = notes(move |note| {
        into.push(*note.extension::<i64>().unwrap());
        Outcome::Done
    });
    let worker = bench
        .worker(Registry::new().register(registration.concurrency(50).prepare(Doubling(claims.clone()))));
    assert_eq!(bench.killed().await.error(), "unlucky");
    let mut ran = seen.reaches(39).await;
    ran.sort_unstable();
    assert_eq!(ran, (0..40).filter(|n| *n != 13).map(|n| n * 2).collect::<Vec<_>>());
    assert_eq!(claims.all(), [40]);
    worker.stop().await;
}

struct Books;

impl Acknowledge<Note> for Books {
    type Record = i64;

    async fn acknowledge(
        &self,
        connection: &mut PgConnection,
        worker: &str,
        acked: &[Acked<'_, i64>],
    ) -> Result<(), sqlx::Error> {
        let mut tx = connection.begin().await?;
        let entries: Vec<i64> = acked.iter().filter_map(|acked| acked.record.copied()).collect();
        sqlx::query("insert into books select * from unnest($1::bigint[])")
            .bind(entries)
            .execute(&mut *tx)
            .await?;
        ack::write(&mut tx, worker, acked.iter().map(|acked| (acked.job, acked.settled))).await?;
        tx.commit().await
    }
}

#[tokio::test]
async fn of_a_batch_that_the_database_refuses_only_the_offender_is_killed() {
    let bench = Bench::new().await;
    bench.execute("create table books (n bigint check (n <> 77)); grant insert on books to public").await;
    bench.notes(100).await;
    let registration = notes(|note| {
        note.record(note.args.n);
        Outcome::Done
    });
    let worker = bench.worker(Registry::new().register(registration.concurrency(100).acknowledge(Books)));
    let row = bench.killed().await;
    assert!(row.error().contains("books_n_check"), "{}", row.error());
    eventually("the others are done", async || bench.rows().await.len() == 1).await;
    let entries: Vec<i64> =
        sqlx::query_scalar("select n from books order by n").fetch_all(&bench.pool).await.unwrap();
    assert_eq!(entries, (0..100).filter(|n| *n != 77).collect::<Vec<_>>());
    worker.stop().await;
}

#[tokio::test]
async fn a_handler_hands_further_jobs_to_its_own_worker() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let (into, url) = (seen.clone(), bench.database.worker_url().to_owned());
    let registry = Registry::new();
    let injector = registry.injector();
    let counts = Seen::new();
    let count = counts.clone();
    let fan_out = Registration::<Note>::new(move |note: Claimed<Note>| {
        let (injector, url, count) = (injector.clone(), url.clone(), count.clone());
        async move {
            let letters =
                (0..20).map(|n| EncodedJob::new(&Letter { n }, note.job.lane, None).unwrap()).collect();
            let reservation = injector.reserve(letters);
            count.push(reservation.claimed().into_iter().filter(|claimed| *claimed).count());
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let mut tx = connection.begin().await.unwrap();
            let inserted = reservation.insert(&mut tx).await.unwrap();
            if note.args.n == 0 {
                tx.rollback().await.unwrap();
                return Outcome::Done;
            }
            tx.commit().await.unwrap();
            reservation.inject(&inserted);
            Outcome::Done
        }
    });
    let letters = Registration::<Letter>::new(move |letter: Claimed<Letter>| {
        into.push(letter.args.n);
        async { Outcome::Done }
    })
    .concurrency(15);
    let worker = bench.worker(registry.register(fan_out).register(letters));
    let lane = Uuid::now_v7();
    bench.enqueue(Some(lane), &[Note { n: 0 }]).await;
    bench.empty().await;
    assert_eq!((counts.all(), seen.all()), (vec![15], vec![]), "what was rolled back is not run");
    bench.enqueue(Some(lane), &[Note { n: 1 }]).await;
    let mut ran = seen.reaches(20).await;
    ran.sort_unstable();
    assert_eq!((counts.all()[1], ran), (15, (0..20).collect::<Vec<_>>()), "and the room was given back");
    bench.empty().await;
    worker.stop().await;
}
