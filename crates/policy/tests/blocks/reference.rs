//! The page about what policies can touch is what the code says. `POLICYKIT_WRITE_PAGES=1 cargo test -p policykit-policy
//! --test blocks reference` writes it anew.

use std::{env, fs, path::PathBuf};

#[test]
fn the_page_about_the_reference_is_what_the_code_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/policy-api.md");
    let page = policykit_policy::reference();
    if env::var_os("POLICYKIT_WRITE_PAGES").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/reference/policy-api.md is stale; see the top of this test for how to write it");
}
