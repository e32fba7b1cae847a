//! `cargo dev`: PostgreSQL, migrations, a demo tenant, the API and the worker as children, until Ctrl-C.

mod announcement;
mod database;
mod demo;
mod folder;
mod ports;
mod servers;
mod stop;

use crate::postgres::{Cluster, Profile};
use crate::process::{Build, build};
use announcement::Announcement;
use anyhow::Result;
use clap::Parser;
use database::DevDatabase;
use demo::Demo;
use folder::Folder;
use servers::Servers;
use stop::Stop;

/// Runs Tenon on this machine: PostgreSQL, the API, the worker, a demo tenant.
#[derive(Debug, Parser)]
pub struct Options {
    /// Drops the development database and starts from nothing
    #[arg(long)]
    fresh: bool,
    /// The API's port, or the next free one
    #[arg(long, default_value_t = ports::API)]
    port: u16,
    /// Builds and runs the optimised binaries
    #[arg(long)]
    release: bool,
}

/// Everything that runs.
struct Running {
    cluster: Cluster,
    servers: Servers,
    announcement: Announcement,
}

/// Starts everything, says where it is, and keeps it up until Ctrl-C or SIGTERM.
pub async fn run(options: Options) -> Result<()> {
    let folder = Folder::open()?;
    let mut stop = Stop::new()?;
    let mut running = tokio::select! {
        started = start(&folder, &options) => started?,
        () = stop.asked() => return Ok(()),
    };
    folder.write_announcement(&running.announcement)?;
    running.announcement.print();
    running.keep_up(&folder, &mut stop).await?;
    folder.remove_announcement();
    eprintln!("Stopping");
    running.servers.stop(&mut stop).await;
    running.cluster.release().await;
    Ok(())
}

async fn start(folder: &Folder, options: &Options) -> Result<Running> {
    let own = Build::own();
    let profile = if options.release { "release".to_owned() } else { own.profile };
    build(Build { profile, shown: true }).await?;
    let cluster = Cluster::open_logging_to(Profile::Dev, Some(folder.log("postgres"))).await?;
    let database = DevDatabase::open(&cluster, options.fresh).await?;
    let secret_key = folder.secret_key()?;
    let settings = servers::Settings { database: &database, secret_key: &secret_key };
    settings.migrate().await?;
    let demo = Demo::find_or_create(folder, &settings).await?;
    let servers = Servers::start(folder, &settings, options.port).await?;
    demo.fill(folder, &database, &servers.api_url()).await?;
    let announcement = Announcement::new(&servers, &database, &demo);
    Ok(Running { cluster, servers, announcement })
}

impl Running {
    /// Until the stop: starts again what has ended, and says so.
    async fn keep_up(&mut self, folder: &Folder, stop: &mut Stop) -> Result<()> {
        loop {
            let changed = tokio::select! {
                () = stop.asked() => return Ok(()),
                changed = self.servers.look_after(&self.cluster) => changed,
            };
            if changed {
                self.announcement.update(&self.servers);
                folder.write_announcement(&self.announcement)?;
            }
        }
    }
}
