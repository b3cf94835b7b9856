//! Somebody with a browser, as the tests of plans need one: cookies, forms, pages as words.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use tower::ServiceExt;

use crate::house::{House, PASSWORD};

/// See the module.
pub(crate) struct Visitor {
    router: Router,
    cookie: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().expect("text"))
    }

    /// The words of the page, without what is between angle brackets.
    pub(crate) fn words(&self) -> String {
        let mut words = String::new();
        for part in self.text.split('<') {
            words.push_str(part.split_once('>').map_or(part, |(_, after)| after));
        }
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Visitor {
    pub(crate) async fn signed_in(house: &House, login: &str) -> Self {
        let mut visitor = Self { router: care::web::router(house.state.clone()), cookie: String::new() };
        let answer = visitor.post("/login", &[("login", login), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{login}: {}", answer.words());
        let cookie = answer.headers.get(header::SET_COOKIE).expect("a cookie").to_str().expect("text");
        visitor.cookie = cookie.split(';').next().expect("a value").to_owned();
        visitor
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request =
            Request::get(path).header(header::COOKIE, &self.cookie).header(header::ACCEPT, "text/html");
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// Asks for `path` until the page says `words`.
    pub(crate) async fn until(&self, path: &str, words: &str) -> Answer {
        for _ in 0..600 {
            let answer = self.get(path).await;
            if answer.words().contains(words) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{path} never says {words}: {}", self.get(path).await.words());
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encoded = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                    other => format!("%{other:02X}"),
                })
                .collect()
        };
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let request = Request::post(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.join("&")))
            .expect("a request");
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}
