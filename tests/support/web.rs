//! A browserless visitor: cookies, forms, pages as text.

use reqwest::Client;
use reqwest::header::ACCEPT;
use serde_json::Value;

/// Somebody with a browser, not signed in yet.
pub struct Visitor {
    client: Client,
    base: String,
}

impl Visitor {
    pub fn new(base: &str) -> Self {
        let client = Client::builder().cookie_store(true).build().expect("an HTTP client");
        Self { client, base: base.to_owned() }
    }

    /// Signs in.
    pub async fn sign_in(base: &str, login: &str, password: &str) -> Self {
        let visitor = Self::new(base);
        let (status, page) = visitor.post("/login", &[("login", login), ("password", password)]).await;
        assert_eq!(status, 200, "{page}");
        visitor
    }

    /// A page and its status.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(format!("{}{path}", self.base)).send().await.expect("answers");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    /// A page as a program asks for it.
    pub async fn get_json(&self, path: &str) -> (u16, Value) {
        let request = self.client.get(format!("{}{path}", self.base)).header(ACCEPT, "application/json");
        let response = request.send().await.expect("answers");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    /// Sends a form and follows where it leads.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        let response =
            self.client.post(format!("{}{path}", self.base)).form(form).send().await.expect("answers");
        (response.status().as_u16(), response.text().await.expect("text"))
    }
}

/// A stream of server-sent events.
pub struct Stream {
    response: reqwest::Response,
    unread: String,
}

impl Visitor {
    /// Opens a stream of server-sent events.
    pub async fn stream(&self, path: &str) -> Stream {
        let response = self.client.get(format!("{}{path}", self.base)).send().await.expect("answers");
        assert_eq!(response.status().as_u16(), 200);
        Stream { response, unread: String::new() }
    }
}

impl Stream {
    /// The data of the next event with this `name`.
    pub async fn next(&mut self, name: &str) -> Value {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |key: &str| event.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
                let data =
                    (field("event:") == Some(name)).then(|| field("data:").unwrap_or_default().to_owned());
                self.unread = rest.to_owned();
                if let Some(data) = data {
                    return serde_json::from_str(&data).expect("JSON");
                }
            }
            let chunk = tokio::time::timeout(super::PATIENCE, self.response.chunk()).await.expect("an event");
            let chunk = chunk.expect("the stream goes on").expect("the stream goes on");
            self.unread.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}
