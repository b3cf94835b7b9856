//! `vagen-gateway enrol`: a code becomes a certificate and a configuration.
//!
//! **Invariant:** when it says that this box is enrolled, `run` with the configuration it names can connect.

use std::path::PathBuf;

use clap::Args;
use gateway::config::{self, Config, Overrides};
use gateway::enrol::server::Server;
use gateway::enrol::validity::validity;
use gateway::io::clock::system_now;
use gateway::io::enrol::{self as edge, EnrolError, Places};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Failure, failed, say, wrong};

/// Where the service looks.
const FOLDER: &str = "/etc/vagen/gateway";
const CONFIG: &str = "/etc/vagen/gateway.toml";

#[derive(Debug, Args)]
pub(super) struct Enrol {
    /// The server: https://HOST[:PORT]; plain http to this machine only.
    #[arg(long)]
    server: Server,
    /// The code that staff issued, such as ABCD-2345. It has one use, within 24 hours.
    #[arg(long)]
    code: String,
    /// PEM file with the authority that vouches for the server. Left out: the system's.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The folder for the certificate and its key. Whoever owns it owns them. Left out: /etc/vagen/gateway.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The configuration to write or to change. Left out: gateway.toml in --out, else /etc/vagen/gateway.toml.
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) async fn enrol(asked: Enrol) -> Result<(), Failure> {
    let (folder, config) = match asked.out {
        Some(out) => (out.clone(), out.join("gateway.toml")),
        None => (FOLDER.into(), CONFIG.into()),
    };
    let places = Places { folder, config: asked.config.unwrap_or(config) };
    let done = edge::enrol(&asked.server, &asked.code, asked.ca.as_deref(), &places).await;
    let granted = done.map_err(|error| match error {
        EnrolError::Refused { status: 400..=499, .. } | EnrolError::Wrong { .. } => wrong(error),
        EnrolError::Refused { .. }
        | EnrolError::Unreachable { .. }
        | EnrolError::Unusable(_)
        | EnrolError::File { .. }
        | EnrolError::Identity(_) => failed(error),
    })?;
    let written = config::read(Some(&places.config), Overrides::default()).map_err(failed)?;
    say(&format!(
        "This box is {}, and delivers to {}.\nNext: systemctl restart vagen-gateway, or: vagen-gateway run --config {}\n",
        written.gateway,
        granted.broker,
        places.config.display()
    ))
}

/// How this box's certificate stands, for `status`; `None` where it has none.
pub(super) fn certificate(config: &Config) -> Option<String> {
    let (file, _) = config.broker.tls.as_ref()?.client.as_ref()?;
    let read = std::fs::read(file).map_err(|error| error.to_string()).and_then(|pem| {
        CertificateDer::from_pem_slice(&pem)
            .ok()
            .and_then(|der| validity(&der))
            .ok_or_else(|| "cannot be read".to_owned())
    });
    Some(match read {
        Ok(held) if held.not_after <= system_now() => {
            format!("expired {}; a new code is needed", held.not_after)
        }
        Ok(held) => format!("until {}", held.not_after),
        Err(what) => format!("{}: {what}", file.display()),
    })
}
