//! `vagen broker config`: the files with which mosquitto lets each gateway use its own topics and nothing else.

use std::io::Write as _;

use care::clock::Clock;
use care::store::Store;

use crate::cli::BrokerConfigArguments;
use crate::cli::store::on_one_thread;
use crate::failure::{Failure, OrFail};
use crate::serve::broker_files::{self, Asked};
use crate::serve::{config, enrolment};

pub(crate) fn config(arguments: &BrokerConfigArguments) -> Result<(), Failure> {
    let config = config::of_command(&arguments.store)?;
    let asked = Asked {
        folder: arguments.out.clone().unwrap_or_else(|| config.gateways.files(&config.data)),
        listen: arguments.listen.clone(),
        more_names: arguments.names.clone(),
        user: arguments.user.clone(),
    };
    let written = on_one_thread(async {
        let now = Clock::system().now();
        let store = Store::at(&config.store).await.or_fail()?;
        let authority = enrolment::authority(&config, now)?;
        let written = broker_files::write(&store, &authority, &config, &asked, now).await;
        store.close().await;
        written
    })?;
    let mut out = std::io::stdout().lock();
    for path in written {
        writeln!(out, "{}", path.display()).or_fail()?;
    }
    Ok(())
}
