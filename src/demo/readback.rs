//! Reads the task back as the nurse would: signs in over HTTP and asks for it there.
//!
//! The store is asked only for which task to ask for; what is printed came over the wire.
//!
//! **Invariant:** a task is given out only with an open status and a conversation that has begun.

use std::time::Duration;

use alerts::Problem;
use anyhow::{Context as _, bail};
use care::store::Store;
use care::tasks::{self, Task};
use reqwest::header::ACCEPT;
use serde_json::Value;
use vitals::Timestamp;

use crate::ready::Login;

const ASK_EVERY: Duration = Duration::from_millis(150);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A nurse at a browser.
pub(crate) struct Nurse {
    client: reqwest::Client,
    http: String,
}

impl Nurse {
    /// Signs in at the dashboard at `http`.
    ///
    /// # Errors
    /// When the dashboard does not answer or does not know the login.
    pub(crate) async fn sign_in(http: String, login: &Login) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .cookie_store(true)
            .no_proxy()
            .timeout(ANSWERS_WITHIN)
            .build()
            .context("an HTTP client")?;
        let form = [("login", login.login.as_str()), ("password", login.password.as_str())];
        let answer = client.post(format!("{http}/login")).form(&form).send().await.context("signing in")?;
        if !answer.status().is_success() || answer.url().path() == "/login" {
            bail!("{} could not sign in: {}", login.login, answer.status());
        }
        Ok(Self { client, http })
    }

    /// Waits for an open task with a dialogue, caused by something measured at or after `since`, and gives it as the one
    /// line of JSON that its page gives.
    ///
    /// # Errors
    /// When the store or the dashboard fails. It waits for as long as it is polled.
    pub(crate) async fn task(&self, store: &Store, since: Timestamp) -> anyhow::Result<String> {
        loop {
            let open = tasks::open(&mut *store.read().await?).await?;
            for task in open.iter().filter(|task| is_deterioration(task, since)) {
                let line = self.read(&task.id).await?;
                if has_dialogue(&line).context("reading the task")? {
                    return Ok(line);
                }
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    async fn read(&self, task: &str) -> anyhow::Result<String> {
        let asked = self.client.get(format!("{}/tasks/{task}", self.http)).header(ACCEPT, "application/json");
        let answer = asked.send().await.context("reading the task")?;
        let answer = answer.error_for_status().context("reading the task")?;
        Ok(answer.text().await.context("reading the task")?.trim().to_owned())
    }
}

/// Whether a measured sign of worsening health joined the task at or after `since`. Symptoms alone are told, not
/// measured.
fn is_deterioration(task: &Task, since: Timestamp) -> bool {
    let measured = match task.problem {
        Problem::Decompensation | Problem::BloodPressure | Problem::Pulse | Problem::Oxygen => true,
        Problem::Symptoms
        | Problem::Silence
        | Problem::MissingMeasurement
        | Problem::DataQuality
        | Problem::Device
        | Problem::Gateway
        | Problem::Technical => false,
    };
    measured && task.last_finding_at >= since
}

fn has_dialogue(line: &str) -> serde_json::Result<bool> {
    let task: Value = serde_json::from_str(line)?;
    let list = |key: &str| task[key].as_array().is_some_and(|list| !list.is_empty());
    Ok(task["status"] == "open" && list("conversation") && list("reading_ids"))
}
