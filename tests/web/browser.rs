// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Chromium without a window, driven by `WebDriver`: JSON over plain HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// How long a test waits for what it expects, in milliseconds. It is no measure: a machine may be slow.
const PATIENCE: u64 = 120_000;
const HINT: &str = "this test needs Chromium: apt-get install chromium chromium-driver";

/// One browser with one page. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context(HINT)?;
        let said = driver.stdout.take().context("no output")?;
        let mut said = BufReader::new(said).lines();
        let mut browser = Self {
            driver,
            port: 0,
            session: String::new(),
        };
        browser.port = loop {
            let line = said.next().context("chromedriver says no port")??;
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse()?;
            }
        };
        // Its pipe does not fill.
        thread::spawn(move || said.for_each(drop));
        browser.session = browser.open().context(HINT)?;
        Ok(browser)
    }

    fn open(&self) -> Result<String> {
        let mut arguments = vec![
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,900",
        ];
        if nix::unistd::Uid::effective().is_root() {
            // Chromium does not sandbox itself as root. It sees nothing but the page of this test.
            arguments.push("--no-sandbox");
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": PATIENCE, "pageLoad": PATIENCE},
        }}});
        let session = self.call("POST", "/session", &wanted)?;
        let id = session["sessionId"].as_str().context("no session")?;
        Ok(id.to_owned())
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        // It leaves the connection open, whatever it is asked.
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                bail!("{path}: no answer");
            }
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut answer: Value = serde_json::from_slice(&body)?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) if method == "POST" => bail!("{path}: {error}: {}", value["message"]),
            _ => Ok(value),
        }
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{what}", self.session);
        self.call("POST", &path, body).unwrap()
    }

    /// Opens a page, and waits until it is there.
    pub(crate) fn go(&self, url: &str) {
        self.ask("url", &json!({"url": url}));
    }

    /// Carries out a command of the Chrome `DevTools` Protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.try_devtools(command, parameters).unwrap()
    }

    fn try_devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        let path = format!("/session/{}/goog/cdp/execute", self.session);
        let command = json!({"cmd": command, "params": parameters});
        self.call("POST", &path, &command)
    }

    /// The page as HTML, also when scripts are off; `None` while another one comes.
    pub(crate) fn html(&self) -> Option<String> {
        let document = self.try_devtools("DOM.getDocument", &json!({})).ok()?;
        let node = json!({"nodeId": document["root"]["nodeId"]});
        let html = self.try_devtools("DOM.getOuterHTML", &node).ok()?;
        html["outerHTML"].as_str().map(str::to_owned)
    }

    /// What an expression is in the page.
    pub(crate) fn is(&self, expression: &str) -> Value {
        self.ask(
            "execute/sync",
            &json!({"script": format!("return ({expression})"), "args": []}),
        )
    }

    /// Carries statements out in the page.
    pub(crate) fn run(&self, statements: &str) {
        self.ask("execute/sync", &json!({"script": statements, "args": []}));
    }

    /// Waits until an expression is true in the page, and returns what it is.
    pub(crate) fn until(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0];
             const look = () => {{
               let it;
               try {{ it = ({expression}); }} catch {{ /* not yet */ }}
               if (it) done(it); else setTimeout(look, 30);
             }};
             look();"
        );
        let path = format!("/session/{}/execute/async", self.session);
        let answer = self.call("POST", &path, &json!({"script": script, "args": []}));
        answer.unwrap_or_else(|error| {
            panic!(
                "{expression}: {error}\n{}",
                self.is("document.body.innerText")
            )
        })
    }

    /// What the page and the browser have complained of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = self.ask("se/log", &json!({"type": "browser"}));
        let said = said.as_array().cloned().unwrap_or_default();
        said.iter().map(|it| it["message"].to_string()).collect()
    }

    /// Makes the window so large, in pixels.
    pub(crate) fn size(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `light` or `dark`, as the person has set it.
    pub(crate) fn scheme(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// The page as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let picture = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        let text = picture["data"].as_str().unwrap();
        data_encoding::BASE64.decode(text.as_bytes()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.call(
                "DELETE",
                &format!("/session/{}", self.session),
                &Value::Null,
            );
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
