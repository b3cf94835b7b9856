//! The two ways out: a webhook and a mail. Both say which part stands still, since when, and what is therefore not known.
//!
//! Blocking: to be called from a thread that may wait.
//!
//! **Invariant:** nothing about a person, a device or a task leaves here; there is nothing of the kind in a [`Notice`].

use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Message, SmtpTransport, Transport};
use serde_json::json;
use ureq::Agent;

use super::bell::{Notice, Said};
use crate::health::Part;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a notice did not get through. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The receiver of the webhook did not take it.
    #[error("the webhook did not take it: {0}")]
    Webhook(String),
    /// The mail server did not take it.
    #[error("the mail server did not take it: {0}")]
    Mail(String),
}

/// Why a channel cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The webhook's address is none.
    #[error("{0:?} is not an http or https URL")]
    Url(String),
    /// An address of mail is none.
    #[error("{text:?} is not a mail address: {why}")]
    MailAddress {
        /// What was written.
        text: String,
        /// Why not.
        why: String,
    },
    /// The mail server's address is none.
    #[error("{text:?} is not the URL of a mail server, such as smtp://mail.example:587?tls=required: {why}")]
    MailServer {
        /// What was written.
        text: String,
        /// Why not.
        why: String,
    },
}

/// Where notices go.
pub(super) enum Channel {
    /// POST of a JSON object.
    Webhook { url: String, token: Option<String>, agent: Agent },
    /// A mail in plain text.
    Mail { from: Mailbox, to: Vec<Mailbox>, transport: SmtpTransport },
}

impl Channel {
    /// A webhook; `token` goes along as a bearer token.
    pub(super) fn webhook(url: &str, token: Option<String>) -> Result<Self, ChannelError> {
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(ChannelError::Url(url.to_owned()));
        }
        let agent = Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).build().into();
        Ok(Self::Webhook { url: url.to_owned(), token, agent })
    }

    /// Mail by the server at `server`, as `login` (name and password) where it wants one.
    pub(super) fn mail(
        server: &str,
        login: Option<(String, String)>,
        from: &str,
        to: &[String],
    ) -> Result<Self, ChannelError> {
        let mailbox = |text: &str| {
            text.parse::<Mailbox>()
                .map_err(|error| ChannelError::MailAddress { text: text.to_owned(), why: error.to_string() })
        };
        let mut transport = SmtpTransport::from_url(server)
            .map_err(|error| ChannelError::MailServer { text: server.to_owned(), why: error.to_string() })?
            .timeout(Some(TIMEOUT));
        if let Some((name, password)) = login {
            transport = transport.credentials(Credentials::new(name, password));
        }
        let to = to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?;
        Ok(Self::Mail { from: mailbox(from)?, to, transport: transport.build() })
    }

    /// The name in logs and metrics.
    pub(super) const fn key(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Mail { .. } => "mail",
        }
    }

    /// Sends `notice` in the name of `installation`.
    pub(super) fn send(&self, installation: &str, notice: &Notice) -> Result<(), SendError> {
        match self {
            Self::Webhook { url, token, agent } => {
                let mut request = agent.post(url);
                if let Some(token) = token {
                    request = request.header("Authorization", format!("Bearer {token}"));
                }
                request
                    .send_json(body(installation, notice))
                    .map(drop)
                    .map_err(|error| SendError::Webhook(error.to_string()))
            }
            Self::Mail { from, to, transport } => {
                let mut message =
                    Message::builder().from(from.clone()).subject(subject(installation, notice));
                for mailbox in to {
                    message = message.to(mailbox.clone());
                }
                let message = message
                    .header(ContentType::TEXT_PLAIN)
                    .body(text(installation, notice))
                    .map_err(|error| SendError::Mail(error.to_string()))?;
                transport.send(&message).map(drop).map_err(|error| SendError::Mail(error.to_string()))
            }
        }
    }
}

fn body(installation: &str, notice: &Notice) -> serde_json::Value {
    json!({
        "v": 1, "installation": installation, "alarm": notice.said.key(), "part": notice.part.key(),
        "since": notice.since, "at": notice.at, "what_sv": notice.what.sv, "what_en": notice.what.en,
    })
}

/// What stands still, in words of a subject line.
const fn name(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Broker => ("meddelandetjänsten", "the message broker"),
        Part::Store => ("databasen", "the database"),
        Part::Watch => ("bevakningen", "the watch"),
        Part::Projection => ("långa diagram", "long charts"),
        Part::Alarm => ("driftlarmen", "operating alarms"),
        Part::Canary => ("provmätningen genom hela kedjan", "the test reading through the whole chain"),
        Part::Reconciliation => ("avstämningen", "the reconciliation"),
    }
}

fn subject(installation: &str, notice: &Notice) -> String {
    let (sv, en) = name(notice.part);
    let (said_sv, said_en) = match notice.said {
        Said::Raised => ("Driftlarm", "Alarm"),
        Said::Still => ("Driftlarm kvarstår", "Alarm goes on"),
        Said::Cleared => ("Driftlarm avslutat", "Alarm cleared"),
    };
    format!("{installation}: {said_sv}, {sv} / {said_en}, {en}")
}

fn text(installation: &str, notice: &Notice) -> String {
    format!(
        "{}\n\n{}\n{}\n\nSedan / since: {}\nUpptäckt / noticed: {}\n",
        subject(installation, notice),
        notice.what.sv,
        notice.what.en,
        notice.since,
        notice.at,
    )
}
