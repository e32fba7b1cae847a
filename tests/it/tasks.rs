//! No task of a program ends unseen: each one that panics is named by `/readyz`, counted, begun again, and goes on with what it had.

mod api;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;

use tenon_common::tasks::Tasks;
use tenon_common::{operations, telemetry};
use tenon_tests::app::connect;
use tenon_tests::{Client, eventually};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A program in this process, and what is asked of it.
struct Program {
    tasks: Tasks,
    operations: Client,
    stop: CancellationToken,
    running: JoinHandle<Result<(), String>>,
}

impl Program {
    /// Starts it, and waits until it is ready.
    async fn start<F>(live: impl FnOnce(Tasks, TcpListener, CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (tasks, stop) = (Tasks::default(), CancellationToken::new());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = operations::bind("test", any).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let running = tokio::spawn(live(tasks.clone(), listener, stop.clone()));
        let program = Self { tasks, operations: Client::new(&format!("http://{address}")), stop, running };
        program.is_ready().await;
        program
    }

    async fn is_ready(&self) {
        eventually("it is ready", async || {
            let answer = self.operations.get("/readyz").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
    }

    /// The names of its tasks are these: what is added has to be added to the list, and so to the tests of what happens when it ends.
    fn assert_named(&self, names: &[&str]) {
        let found: Vec<Arc<str>> = self.tasks.names();
        let found: Vec<&str> = found.iter().map(|name| &**name).collect();
        assert_eq!(found, names, "the list of this test and the tasks of the program");
    }

    /// Ends a task twice in a row, and as often again until `/readyz` has named it, where there is somebody to say so; then it must be
    /// begun again, and counted.
    async fn ends(&self, name: &str) {
        let before = self.tasks.restarts(name);
        assert!(self.tasks.inject_panics(name, 2), "{name} is no task");
        if name != "operations" {
            let away = format!("the task {name} is away");
            let mut asked_for = 2;
            eventually(&away, async || {
                let answer = self.operations.get("/readyz").await;
                if answer.status == 503 && answer.text().contains(&away) {
                    return Ok(());
                }
                // It was back before we were given a turn.
                if self.tasks.restarts(name) >= before + asked_for {
                    asked_for += 1;
                    self.tasks.inject_panics(name, 1);
                }
                Err(answer.text())
            })
            .await;
        }
        eventually("it is begun again", async || self.tasks.restarts(name) >= before + 2).await;
        self.is_ready().await;
        let page = self.operations.get("/metrics").await.text();
        let line = format!("tenon_task_restarts_total{{task=\"{name}\"}} ");
        let shown = page.lines().find_map(|found| found.strip_prefix(line.as_str()));
        let shown: u64 = shown.unwrap_or_else(|| panic!("{line} in {page}")).parse().expect("a number");
        assert!(shown >= before + 2, "{name}: {shown}");
    }

    /// Ends many at once, and waits until all of them are back.
    async fn end_together(&self, names: &[&str]) {
        let before: Vec<u64> = names.iter().map(|name| self.tasks.restarts(name)).collect();
        for name in names {
            assert!(self.tasks.inject_panics(name, 1), "{name} is no task");
        }
        for (name, before) in names.iter().zip(before) {
            eventually(name, async || self.tasks.restarts(name) > before).await;
        }
        self.is_ready().await;
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.expect("it does not panic").expect("it ends well");
    }
}

#[tokio::test]
async fn a_program_that_should_be_started_anew_fails_its_livez_and_says_why() {
    let db = connect("postgres://nobody@127.0.0.1:1/nothing");
    let probes = operations::Operations::new(db, telemetry::init_metrics(), Tasks::default());
    let listener = operations::bind("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let client = Client::new(&format!("http://{}", listener.local_addr().expect("an address")));
    let serving = tokio::spawn(probes.clone().serve(listener));
    assert_eq!(client.get("/livez").await.status(200).text(), "alive\n");
    probes.alive_while(|| Err("the worker has not asked for jobs for 31 s".to_owned()));
    let answer = client.get("/livez").await.status(503);
    assert_eq!(answer.text(), "the worker has not asked for jobs for 31 s\n");
    serving.abort();
}
