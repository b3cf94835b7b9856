//! How a world begins.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use care::register::{Register, apply};
use care::store::Store;

use super::{Build, Happening, Home, Outcome, Server, World};
use crate::broker::Broker;
use crate::disk::Image;
use crate::ledger::Ledger;
use crate::measuring::REGISTER;
use crate::mount::Rack;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::Trace;

pub(crate) const HOMES: usize = 2;

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Writes the register into `store`, as `vagen admin apply` does.
pub(crate) async fn register(store: &Store) -> anyhow::Result<()> {
    let register = Register::parse(REGISTER)?;
    let at = "2025-12-01T00:00:00Z".parse()?;
    apply(store, &register, std::path::Path::new("."), &["recommended"], "test", at).await?;
    Ok(())
}

/// A server's disk on which the register was applied, closed in peace.
pub(crate) fn template(rack: &Rack) -> Image {
    let runtime = runtime();
    let disk = rack.plug("template", Image::new());
    runtime.block_on(async {
        let store = Store::open(disk.path()).await.expect("opens");
        register(&store).await.expect("applies");
        store.close().await;
    });
    disk.unplug()
}

impl<'a> World<'a> {
    pub(crate) fn of(rack: &'a Rack, template: &'a Image, seed: u64, build: Build, aloud: bool) -> Self {
        let mut random = Random::of(seed);
        let plan = Plan::of(&mut random.branch());
        let (fate, wire) = (random.branch(), random.branch());
        let flaw = match build {
            Build::Home(flaw) => Some(flaw),
            Build::Sound | Build::Server(_) => None,
        };
        gateway::fault::play(flaw);
        let image = if plan.from_nothing { Image::new() } else { template.clone() };
        let mut world = Self {
            rack,
            template,
            build,
            fate,
            wire,
            runtime: runtime(),
            started: Instant::now(),
            now_ms: 0,
            server_clock: Arc::new(AtomicI64::new(plan.begins.as_millis())),
            queue: std::collections::BTreeMap::new(),
            next: 0,
            broker: Broker::new(plan.keeps_sessions),
            broker_down_until_ms: 0,
            homes: (0..HOMES).map(|index| Home::new(index, plan.begins, plan.home_crashes_max)).collect(),
            server: Server::new(image, plan.server_crashes_max),
            ledger: Ledger::default(),
            trace: Trace::new(aloud),
            left_to_measure: plan.measurements,
            troubled: true,
            backup: None,
            outcome: Outcome::default(),
            plan,
        };
        let words = format!("{:?}", world.plan);
        world.note(words);
        world.after(0, Happening::StartServer);
        for home in 0..HOMES {
            world.after(0, Happening::StartHome(home));
        }
        world.after(1_000, Happening::Measure);
        world.after(world.plan.fault_ms_max / 2, Happening::Trouble);
        world
    }
}
