//! Instances that are broken, slow or hostile.

use std::time::Duration;

use policykit_platforms::{
    platform::AppConfig,
    sourcecred::fake::{Analysis, Fake, FakeConfig, Trouble},
};

use crate::rig::{Rig, acts};

/// What is said while this is wrong.
async fn told(rig: &Rig, trouble: Trouble) -> String {
    rig.fake.trouble(Some(trouble));
    rig.later();
    rig.cred("ada").await.unwrap_err().reason().to_owned()
}

#[tokio::test]
async fn whatever_is_wrong_is_said_and_old_numbers_are_not_handed_out() {
    for analysis in [Analysis::Written, Analysis::Absent] {
        let rig = Rig::of(FakeConfig { analysis, acts: acts(), ..FakeConfig::default() }).await;
        assert_eq!(rig.cred("ada").await, Ok(27.75));
        for (trouble, expected) in [
            (Trouble::Status { status: 503 }, "answered 503"),
            (Trouble::Status { status: 403 }, "answers 403"),
            (Trouble::Status { status: 404 }, "no SourceCred instance"),
            (Trouble::Pages, "no SourceCred instance"),
            (Trouble::Long { bytes: 20 << 20 }, "longer than"),
            (Trouble::Bomb { bytes: 80 << 20 }, "when it is unpacked"),
            (Trouble::WrongJson, "not what SourceCred writes"),
            (Trouble::Status { status: 429 }, "slow down"),
        ] {
            let said = told(&rig, trouble.clone()).await;
            assert!(said.contains(expected), "{trouble:?}: {said}");
        }
        rig.fake.trouble(None);
        rig.later();
        assert_eq!(rig.cred("ada").await, Ok(27.75), "as soon as it is in order again");
    }
}

#[tokio::test]
async fn what_does_not_answer_is_given_up() {
    let rig = Rig::patient(FakeConfig::default(), Duration::from_millis(300)).await;
    let said = told(&rig, Trouble::Hang).await;
    assert!(said.contains("took too long"), "{said}");
    assert_eq!(rig.asked().len(), 1, "it is not tried again at once");
}

#[tokio::test]
async fn a_file_that_ends_in_its_middle_is_not_used() {
    let rig = Rig::start().await;
    rig.fake.trouble(Some(Trouble::Cut));
    assert!(rig.cred("ada").await.is_err());
}

#[tokio::test]
async fn what_cannot_be_read_is_left_alone_for_a_while() {
    let rig = Rig::start().await;
    rig.fake.trouble(Some(Trouble::Status { status: 503 }));
    let first = rig.cred("ada").await.unwrap_err();
    for _ in 0..5 {
        assert_eq!(rig.cred("ada").await.unwrap_err(), first, "the reason stays the same");
    }
    assert_eq!(rig.asked().len(), 1, "it is not hammered");
    rig.fake.trouble(None);
    rig.clock.advance(Duration::from_secs(10));
    assert_eq!(rig.cred("ada").await, Ok(27.75));
}

#[tokio::test]
async fn without_marks_a_file_is_read_whole_every_time() {
    let rig = Rig::start().await;
    rig.fake.trouble(Some(Trouble::NoMarks));
    assert_eq!(rig.cred("ada").await, Ok(27.75));
    rig.later();
    assert_eq!(rig.cred("ada").await, Ok(27.75));
    assert_eq!(rig.asked().iter().filter(|(_, status)| *status == 200).count(), 2);
}

#[tokio::test]
async fn redirects_are_followed_where_the_guard_lets_them_lead() {
    let rig = Rig::start().await;
    // Back to itself, for ever.
    let said = told(&rig, Trouble::Redirect { to: rig.fake.base_url().to_owned() }).await;
    assert!(said.contains("redirects more than"), "{said}");
    let inside = Fake::start(FakeConfig { acts: acts(), ..FakeConfig::default() }).await.unwrap();
    for to in [inside.base_url(), "http://169.254.169.254", "https://10.0.0.1", "https://[::1]", "file:///etc"] {
        let said = told(&rig, Trouble::Redirect { to: to.to_owned() }).await;
        assert!(said.contains("is not"), "{to}: {said}");
    }
    assert!(inside.record().is_empty(), "nobody vouches for where an address leads");
}

#[tokio::test]
async fn an_address_that_nobody_vouches_for_is_not_reached() {
    let mut rig = Rig::start().await;
    let base = rig.fake.base_url().to_owned();
    rig.app = AppConfig::default();
    for address in [base.as_str(), "https://127.0.0.1", "http://cred.example.org", "https://192.168.1.10/cred"] {
        let said = rig.inspect(address).await.unwrap_err();
        assert!(said.contains("an operator can allow it"), "{address}: {said}");
    }
    assert!(rig.cred("ada").await.is_err(), "what is installed is asked about every time");
    assert!(rig.asked().is_empty());
}
