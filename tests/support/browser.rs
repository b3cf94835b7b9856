//! A real browser: Debian's Chromium, driven through ChromeDriver.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// A ChromeDriver that runs until it is dropped.
pub struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: tests/run installs it");
        let driver = Self { child, port };
        super::wait_for("chromedriver", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        driver
    }

    /// A browser of its own: nobody else's cookies, a window of `width` by 900.
    pub async fn browser(&self, width: u32) -> Browser {
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=sv"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(format!("--window-size={width},900"));
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .expect("chromium starts");
        Browser { client }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One person's browser.
pub struct Browser {
    pub client: Client,
}

impl Browser {
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("the page loads");
    }

    /// Signs in by the form, as a person does.
    pub async fn sign_in(&self, base: &str, login: &str, password: &str) {
        self.goto(&format!("{base}/login")).await;
        self.fill("input[name=login]", login).await;
        self.fill("input[name=password]", password).await;
        self.click("form[action='/login'] button").await;
        self.until("the sign-in to lead away", "return !location.pathname.startsWith('/login')").await;
    }

    pub async fn fill(&self, css: &str, text: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).send_keys(text).await.expect(css);
    }

    pub async fn click(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).click().await.expect(css);
    }

    /// Presses keys on the element, which thereby has the focus.
    pub async fn press(&self, css: &str, keys: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).send_keys(keys).await.expect(css);
    }

    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect(script)
    }

    /// Waits until `script` gives true.
    pub async fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + super::PATIENCE;
        while self.client.execute(script, Vec::new()).await.unwrap_or(Value::Null) != Value::Bool(true) {
            if Instant::now() > deadline {
                let page = self.script("return document.body.innerText").await;
                panic!("waited for {what}; the page says: {page}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page says `text`.
    pub async fn says(&self, text: &str) {
        let script = format!("return document.body.innerText.includes({})", json!(text));
        self.until(&format!("{text:?}"), &script).await;
    }

    /// Marks the page as it is now; [`Browser::is_same_page`] tells later whether it was loaded again.
    pub async fn mark_page(&self) {
        self.script("window.markedByTest = true").await;
    }

    pub async fn is_same_page(&self) -> bool {
        self.script("return window.markedByTest === true").await == Value::Bool(true)
    }

    /// Nothing on the page is wider than the window.
    pub async fn fits(&self, what: &str) {
        let wider = self.script("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(
            wider.as_i64().is_some_and(|pixels| pixels <= 0),
            "{what} is {wider} px wider than the window"
        );
    }

    pub async fn close(self) {
        self.client.close().await.expect("chromium closes");
    }
}
