//! The pages about platforms are what the descriptors say. `POLICYKIT_WRITE_PAGES=1 cargo test -p policykit-platforms
//! --test reference` writes them anew.

use std::{collections::BTreeMap, env, fs, path::PathBuf, sync::Arc};

use policykit_core::SystemClock;
use policykit_platforms::{
    Http, HttpOptions,
    reference::{Built, common, page},
    registry,
};

#[test]
fn the_pages_about_platforms_are_what_the_descriptors_say() {
    let all = registry(&Arc::new(Http::new(Arc::new(SystemClock), HttpOptions::default()).unwrap()));
    let built = |id: &str| if all.get(id).is_some() { Built::Yes } else { Built::No };
    let known = all.known();
    let mut pages: BTreeMap<String, String> =
        known.iter().map(|d| (format!("{}.md", d.id), page(d, built(d.id)))).collect();
    pages.insert("common.md".to_owned(), common(known.iter().map(|d| (*d, built(d.id)))));
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/platforms");
    if env::var_os("POLICYKIT_WRITE_PAGES").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &pages {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let there = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            there == *text,
            "docs/reference/platforms/{name} is stale; see the top of this test for how to write it"
        );
    }
    let there = fs::read_dir(&folder).unwrap().count();
    assert_eq!(there, pages.len(), "docs/reference/platforms holds a page that no descriptor has");
}
