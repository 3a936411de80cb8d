//! A browser without script: signed in through the store, forms sent as forms.

use std::net::SocketAddr;

use policykit_core::ids::UserId;
use policykit_store::NewSession;
use policykit_testkit::{PEOPLE, Raw, Reply, TestApp, Workspace};
use sha2::{Digest, Sha256};

/// Somebody who looks at pages.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    address: SocketAddr,
    token: Option<String>,
}

impl Visitor {
    /// Nobody in particular.
    pub(crate) fn stranger(t: &TestApp) -> Self {
        Self { address: t.node().address(), token: None }
    }

    /// A member of a workspace, signed in.
    pub(crate) async fn member(t: &TestApp, whose: &Workspace, who: &str) -> Self {
        let account = PEOPLE.iter().find(|(name, _)| *name == who).expect("somebody known").1;
        let (system, session, token) = (t.db().system(), session(t), token());
        let (community, user) = (whose.community, UserId::derive(whose.installation, account));
        let new = NewSession { hash: hash(&token), ..session };
        t.node().on(async move { system.open_session(community, user, new).await }).await.expect("a session");
        Self { address: t.node().address(), token: Some(token) }
    }

    /// Whoever runs the server, looking at a community.
    pub(crate) async fn operator(t: &TestApp, whose: &Workspace) -> Self {
        let (system, session, token, link) = (t.db().system(), session(t), token(), hash("the link"));
        let (community, hash) = (whose.community, hash(&token));
        let new = NewSession { hash: hash.clone(), ..session };
        let open = async move {
            system.create_link(&link, new.now, new.expires_at).await?;
            assert!(system.redeem_link(&link, new).await?, "the link works");
            system.choose_community(&hash, community).await
        };
        assert!(t.node().on(open).await.expect("a session"), "the community is chosen");
        Self { address: t.node().address(), token: Some(token) }
    }

    /// Looks at a page.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.signed(Raw::get(path)).send(self.address).await
    }

    /// Asks for something of this kind.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Reply {
        self.signed(Raw::get(path).header("Accept", accept)).send(self.address).await
    }

    /// Sends a form of a page.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = self.token.as_ref().map(|t| hex::encode(Sha256::digest(format!("form\n{t}")))).unwrap_or_default();
        self.post_signed(path, fields, &csrf).await
    }

    /// Sends a form with this signature.
    pub(crate) async fn post_signed(&self, path: &str, fields: &[(&str, &str)], csrf: &str) -> Reply {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", csrf)
            .extend_pairs(fields)
            .finish();
        let request = Raw::post(path).header("Content-Type", "application/x-www-form-urlencoded").body(form);
        self.signed(request).send(self.address).await
    }

    /// The lines of a request by which this visitor is known.
    pub(crate) fn cookie(&self) -> String {
        self.token.as_ref().map(|token| format!("policykit={token}")).unwrap_or_default()
    }

    /// Where the application listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    fn signed(&self, request: Raw) -> Raw {
        if self.token.is_some() { request.header("Cookie", self.cookie()) } else { request }
    }
}

fn session(t: &TestApp) -> NewSession {
    use policykit_core::Clock as _;
    let now = t.clock.now();
    NewSession {
        hash: Vec::new(),
        now,
        expires_at: now + std::time::Duration::from_hours(24 * 30),
        agent: "a browser of the tests".to_owned(),
    }
}

fn token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

/// Takes from the role that everybody has all that it lets them see, so that members see what other roles let them see.
pub(crate) async fn hide_everything(t: &TestApp, whose: &Workspace) {
    let (db, community) = (t.db(), whose.community);
    let hide = async move {
        let scope = db.community(community);
        let base = scope.roles().await?.into_iter().find(|role| role.is_base).expect("everybody's role");
        let blind = base.permissions.into_iter().filter(|permission| !permission.starts_with("view_")).collect();
        scope.set_permissions(base.id, blind).await
    };
    t.node().on(hide).await.expect("the role is changed");
}
