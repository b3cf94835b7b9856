//! Who renews the certificate, as the configuration says it.
//!
//! **Invariant:** a [`Renewal`] names one file that holds certificate and key, so that both are replaced in one stroke.

use std::path::PathBuf;

use super::TlsFiles;
use crate::enrol::server::Server;

/// How the certificate is renewed while the gateway runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Who is asked.
    pub server: Server,
    /// Who vouches for it; `None`: the system says.
    pub ca: Option<PathBuf>,
    /// The file with certificate and key.
    pub identity: PathBuf,
}

/// Reads `server` and `server_ca`, beside the certificates in `tls`; or says which key is wrong, and how.
pub(super) fn read(
    server: Option<&str>,
    ca: Option<PathBuf>,
    tls: Option<&TlsFiles>,
) -> Result<Option<Renewal>, (&'static str, String)> {
    let Some(server) = server else {
        return match ca {
            Some(_) => Err(("server_ca", "goes with \"server\"".to_owned())),
            None => Ok(None),
        };
    };
    let server =
        server.parse().map_err(|error: crate::enrol::server::ServerError| ("server", error.to_string()))?;
    let Some((certificate, key)) = tls.and_then(|tls| tls.client.clone()) else {
        return Err(("server", "renews a certificate, and none is given".to_owned()));
    };
    if certificate != key {
        return Err((
            "server",
            "renews certificate and key in one file: name the same one for both".to_owned(),
        ));
    }
    Ok(Some(Renewal { server, ca, identity: key }))
}
