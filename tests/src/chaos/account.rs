//! Waiting until all has ended, and the account: what was made, and what became of it.

use anyhow::Result;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use uuid::Uuid;

use super::book::Page;
use super::ledger::{Ledger, Made};
use super::scenario::Bounds;
use super::site::{Hook, Peaks, Site};
use super::writers::Written;
use crate::Client;

/// What has not come so long after the fault is over is lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(100);
/// Until a program that is well says so.
const READY: Duration = Duration::from_secs(15);
/// What comes later than this is late, whatever a scenario allows.
const LATE: Duration = Duration::from_secs(30);

/// What became of every event.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    /// Contacts that were made, by the answers and by what is there of those whose answer was lost.
    pub(super) made: u64,
    /// Those of them whose answer was lost.
    pub(super) unanswered: u64,
    /// Deliveries that there should be: an event for each webhook of its tenant.
    pub(super) due: u64,
    /// Different events that were taken, for each webhook.
    pub(super) received: u64,
    pub(super) lost: u64,
    /// Requests with an event that the receiver had taken before.
    pub(super) repeated: u64,
    /// Requests that receivers read, taken or not.
    pub(super) requests: u64,
    pub(super) slowest: Duration,
    /// Those slower than 30 s.
    pub(super) late: u64,
    pub(super) peaks: Peaks,
    /// What is not as it should be.
    pub(super) wrong: Vec<String>,
    /// What there is to say besides.
    pub(super) notes: Vec<String>,
}

impl Account {
    /// Waits until every webhook has got all events of its tenant and nothing is open, or patience is at an end.
    pub(super) async fn of(site: &mut Site, written: &Written) -> Result<Self> {
        let mut ledger = Ledger::open(site).await?;
        settle(site, &mut ledger).await?;
        let (made, doubtful) = (ledger.made().await?, ledger.doubtful(written).await?);
        let mut account = Self {
            made: (written.accepted.len() + doubtful.len()) as u64,
            unanswered: doubtful.len() as u64,
            ..Self::default()
        };
        account.compare(&made, written, &doubtful);
        for hook in &site.hooks {
            let lost = account.add(hook, &site.book.page(&hook.path), &made, written);
            if lost > 0 {
                let why = ledger.why(hook.id).await?;
                account
                    .wrong
                    .push(format!("{lost} did not come to {}; of its deliveries are: {why}", hook.path));
            }
        }
        let open = ledger.look(site).await?;
        if (open.fan_outs, open.undelivered) != (0, 0) {
            let (fan_outs, undelivered) = (open.fan_outs, open.undelivered);
            account.wrong.push(format!(
                "after {PATIENCE:?} {fan_outs} fan-outs are open and {undelivered} deliveries not delivered"
            ));
        }
        let given_up = ledger.given_up().await?;
        account.expect(given_up == 0, || format!("{given_up} jobs were given up"));
        account.ready(site).await;
        site.look();
        account.peaks = site.peaks;
        Ok(account)
    }

    /// What should be so.
    pub(super) fn expect(&mut self, is_so: bool, otherwise: impl FnOnce() -> String) {
        if !is_so {
            self.wrong.push(otherwise());
        }
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Holds it to what the scenario may cost.
    pub(super) fn judge(&mut self, bounds: &Bounds) {
        let Bounds { repeated, slowest, api_mib, worker_mib } = *bounds;
        let (lost, is, peaks) = (self.lost, self.repeated, self.peaks);
        self.expect(lost == 0, || format!("{lost} are lost"));
        self.expect(is <= repeated, || format!("{is} came again, at most {repeated} may"));
        let took = self.slowest;
        self.expect(took <= slowest, || {
            format!("the slowest took {took:.1?}, at most {slowest:?} are allowed")
        });
        for (program, peak, most) in [("API", peaks.api, api_mib), ("worker", peaks.worker, worker_mib)] {
            self.expect(peak <= most, || {
                format!("the {program} used {peak:.0} MiB, at most {most:.0} are allowed")
            });
        }
        let made = self.made;
        self.expect(made > 0, || "nothing was made".to_owned());
    }

    /// The database's events beside what the clients know.
    fn compare(&mut self, made: &HashMap<String, Made>, written: &Written, doubtful: &HashSet<Uuid>) {
        let told: HashSet<Uuid> = made.values().map(|made| made.contact).collect();
        let known = |contact: &Uuid| written.accepted.contains_key(contact) || doubtful.contains(contact);
        let silent =
            written.accepted.keys().chain(doubtful).filter(|contact| !told.contains(contact)).count();
        let invented = told.iter().filter(|contact| !known(contact)).count();
        self.expect(silent == 0, || format!("{silent} contacts were made without an event, or are gone"));
        self.expect(invented == 0, || format!("{invented} events tell of contacts that nobody asked for"));
        self.lost += silent as u64;
    }

    /// What one webhook got; how much of it is lost.
    fn add(&mut self, hook: &Hook, page: &Page, made: &HashMap<String, Made>, written: &Written) -> u64 {
        let own = |made: &&Made| made.tenant == hook.tenant;
        let due = made.values().filter(own).count() as u64;
        let (mut received, mut slowest) = (0, Duration::ZERO);
        for (id, taken) in &page.taken {
            let Some(event) = made.get(id).filter(own) else {
                self.wrong.push(format!("{} took {id}, which is none of its tenant's", hook.path));
                continue;
            };
            received += 1;
            self.repeated += taken.attempts.len() as u64 - 1;
            if let Some(accepted) = written.accepted.get(&event.contact) {
                let took = taken.first.saturating_duration_since(*accepted);
                slowest = slowest.max(took);
                self.late += u64::from(took > LATE);
            }
        }
        let (path, forged, lost) = (&hook.path, page.forged, due.saturating_sub(received));
        if let Some(within) = hook.within {
            self.note(format!("{path} waited {:.2} s at most", slowest.as_secs_f64()));
            self.expect(slowest <= within, || {
                format!("{path} waited {slowest:.1?}, at most {within:?} are allowed")
            });
        }
        self.expect(forged == 0, || format!("{path} got {forged} requests that are not signed rightly"));
        self.due += due;
        self.received += received;
        self.requests += page.requests;
        self.slowest = self.slowest.max(slowest);
        self.lost += lost;
        lost
    }

    /// Both programs have to be well at the end.
    async fn ready(&mut self, site: &Site) {
        for (program, process) in [("API", &site.stack.api), ("worker", &site.stack.worker)] {
            // That of a network of its own cannot be asked from here.
            if site.is_away && program == "worker" {
                continue;
            }
            let (client, end) = (Client::new(&process.operations_url()), Instant::now() + READY);
            let is_ready = async || {
                let answer = client.try_send(reqwest::Method::GET, "/readyz", None).await;
                answer.is_ok_and(|answer| answer.status == 200)
            };
            while !is_ready().await {
                if Instant::now() > end {
                    self.wrong.push(format!("the {program} is not ready at the end"));
                    break;
                }
                sleep(LOOK).await;
            }
        }
    }
}

async fn settle(site: &Site, ledger: &mut Ledger) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let open = ledger.look(site).await?;
        if (open.fan_outs, open.undelivered) == (0, 0) {
            break;
        }
        sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::book::Taken;

    #[test]
    fn what_did_not_come_or_came_again_or_late_is_counted() {
        let (tenant, other, now) = (Uuid::from_u128(1), Uuid::from_u128(2), Instant::now());
        let contact = |number: u128| Uuid::from_u128(100 + number);
        let event = |number, tenant| (format!("evt_{number}"), Made { contact: contact(number), tenant });
        let made = HashMap::from([event(1, tenant), event(2, tenant), event(3, tenant), event(4, other)]);
        let accepted = (1..=5).map(|number| (contact(number), now)).collect();
        let written = Written { accepted, ..Written::default() };
        let taken = |seconds, attempts: &[&str]| Taken {
            first: now + Duration::from_secs(seconds),
            attempts: attempts.iter().map(ToString::to_string).collect(),
        };
        let came =
            [("evt_1", taken(1, &["1"])), ("evt_2", taken(40, &["1", "2"])), ("evt_4", taken(1, &["1"]))];
        let taken = came.map(|(id, taken)| (id.to_owned(), taken)).into();
        let page = Page { taken, requests: 4, ..Page::default() };
        let within = Some(Duration::from_secs(5));
        let hook = Hook { id: Uuid::nil(), path: "/hook".to_owned(), tenant, within };

        let mut account = Account { made: 5, ..Account::default() };
        account.compare(&made, &written, &HashSet::new());
        assert_eq!(account.add(&hook, &page, &made, &written), 1);
        assert_eq!((account.due, account.received, account.lost), (3, 2, 2), "one is lost, one has no event");
        assert_eq!((account.repeated, account.late, account.requests), (1, 1, 4));
        assert_eq!(account.wrong.len(), 3, "no event, another tenant's, too slow: {:?}", account.wrong);
        account.judge(&Bounds::within(60));
        assert_eq!(account.wrong.len(), 5, "lost and repeated: {:?}", account.wrong);
    }
}
