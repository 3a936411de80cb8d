//! A visitor's browser: keeps cookies, follows where it is sent one step at a time, fills in the forms of the page it is
//! on.

use std::collections::BTreeMap;

use policykit_core::Clock as _;
use policykit_testkit::TestApp;
use reqwest::{
    Client, StatusCode, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use sha2::{Digest as _, Sha256};

/// A browser.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    client: Client,
    base: Url,
    cookies: BTreeMap<String, String>,
}

/// A page, or where the browser is sent.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) to: Option<Url>,
    pub(crate) text: String,
}

impl Page {
    /// Whether words stand on the page.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// Fails unless words stand on the page.
    #[track_caller]
    pub(crate) fn must_say(&self, words: &str) {
        assert!(self.says(words), "{words:?} is not on {} ({}):\n{}", self.url, self.status, self.text);
    }

    /// The hidden field of this name, of the first form that has one.
    pub(crate) fn hidden(&self, name: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(rest.split_once('"')?.0.replace("&amp;", "&").replace("&#38;", "&"))
    }

    /// The path, without the rest.
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }
}

impl Browser {
    /// A fresh one, on the site under test.
    pub(crate) fn new(t: &TestApp) -> Self {
        Self::with(t, HeaderMap::new())
    }

    /// A fresh one that asks through a proxy on this machine, from this address.
    pub(crate) fn from(t: &TestApp, address: &'static str) -> Self {
        Self::with(
            t,
            [(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static(address))].into_iter().collect(),
        )
    }

    #[expect(clippy::disallowed_methods, reason = "it plays the visitor's browser, which may go anywhere")]
    fn with(t: &TestApp, headers: HeaderMap) -> Self {
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).default_headers(headers).build().expect("a client");
        let base = format!("http://{}", t.node().address()).parse().expect("an address");
        Self { client, base, cookies: BTreeMap::new() }
    }

    /// An operator's, signed in with a link.
    pub(crate) async fn operator(t: &TestApp) -> Self {
        let mut browser = Self::new(t);
        let now = t.clock.now();
        t.clock.advance(std::time::Duration::from_millis(1));
        let token = format!("link-{}", now.micros());
        let (db, hash) = (t.db(), Sha256::digest(&token).to_vec());
        let made = async move { db.system().create_link(&hash, now, now + std::time::Duration::from_secs(900)).await };
        t.node().on(made).await.expect("the link is written down");
        let asked = browser.open(&format!("/operator/{token}")).await;
        asked.must_say("Sign in as the operator</button>");
        let token = asked.hidden("token").expect("the form holds the link");
        let page = browser.send(&asked, "/operator", &[("token", &token)]).await;
        assert!(browser.cookies.contains_key("policykit"), "{page:?}");
        browser
    }

    /// A member's, signed in through the platform.
    pub(crate) async fn member(t: &TestApp, team: &str, who: &str) -> Self {
        let mut browser = Self::new(t);
        let page = browser.travel("/auth/slack/login", Some((team, who))).await;
        assert!(browser.cookies.contains_key("policykit"), "{page:?}");
        browser
    }

    /// One step: no redirect is followed.
    pub(crate) async fn step(&mut self, method: &str, url: Url, form: Option<&[(String, String)]>) -> Page {
        let mut request = match method {
            "GET" => self.client.get(url.clone()),
            "POST" => self.client.post(url.clone()),
            other => panic!("{other} is no method of forms"),
        };
        if url.origin() == self.base.origin() && !self.cookies.is_empty() {
            let jar: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request = request.header(header::COOKIE, jar.join("; "));
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send().await.expect("it answers");
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (pair, rest) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a name");
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let to = answer.headers().get(header::LOCATION).map(|to| to.to_str().expect("text").to_owned());
        let to = to.map(|to| url.join(&to).expect("an address"));
        let status = answer.status();
        Page { url, status, to, text: answer.text().await.expect("text") }
    }

    /// An address of the site.
    pub(crate) fn at(&self, path: &str) -> Url {
        self.base.join(path).expect("an address")
    }

    /// Opens an address and follows where it leads.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let page = self.step("GET", self.at(path), None).await;
        self.follow(page).await
    }

    pub(crate) async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..10 {
            let Some(to) = page.to.clone() else { return page };
            page = self.step("GET", to, None).await;
        }
        panic!("it is sent around for ever: {page:?}");
    }

    /// The same while the engine works, for forms whose answer waits for it.
    pub(crate) async fn send_at_work(&mut self, t: &TestApp, on: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        // Not a race that one of them loses: what is given up in the middle of a call leaves the call under way.
        let there = std::sync::atomic::AtomicBool::new(false);
        let asking = async {
            let page = self.send(on, action, fields).await;
            there.store(true, std::sync::atomic::Ordering::SeqCst);
            page
        };
        let working = async {
            while !there.load(std::sync::atomic::Ordering::SeqCst) {
                t.settle().await;
            }
            // What follows from it, such as drawing a vote anew.
            t.settle().await;
        };
        futures::join!(asking, working).0
    }

    /// Sends a form of the page it is on, with its signature, and follows where it leads.
    pub(crate) async fn send(&mut self, on: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let mut form: Vec<(String, String)> = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        form.extend(on.hidden("csrf").map(|csrf| ("csrf".to_owned(), csrf)));
        let page = self.step("POST", self.at(action), Some(&form)).await;
        self.follow(page).await
    }

    /// Goes to the platform and decides there; comes back as far as the first address of the site.
    pub(crate) async fn way_back(&mut self, path: &str, who: Option<(&str, &str)>) -> Url {
        let start = self.step("GET", self.at(path), None).await;
        let there = start.to.clone().unwrap_or_else(|| panic!("it is not sent to the platform: {start:?}"));
        let page = self.step("GET", there.clone(), None).await;
        let mut form: Vec<(String, String)> = page
            .text
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .filter_map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"")?;
                Some((name.to_owned(), rest.split_once('"')?.0.replace("&amp;", "&")))
            })
            .collect();
        if let Some((team, who)) = who {
            form.push(("continue".to_owned(), format!("{team}/{who}")));
        }
        let back = self.step("POST", there, Some(&form)).await;
        back.to.clone().unwrap_or_else(|| panic!("the platform does not send it back: {back:?}"))
    }

    /// All the way to the platform and back, to the page it ends on.
    pub(crate) async fn travel(&mut self, path: &str, who: Option<(&str, &str)>) -> Page {
        let back = self.way_back(path, who).await;
        let page = self.step("GET", back, None).await;
        self.follow(page).await
    }

    /// Throws the cookie of the session away.
    pub(crate) fn forget_session(&mut self) {
        self.cookies.remove("policykit");
    }

    /// The cookie of the session, if it has one.
    pub(crate) fn session(&self) -> Option<&String> {
        self.cookies.get("policykit")
    }
}
