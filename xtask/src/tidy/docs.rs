//! Links between the project's pages lead somewhere, and decisions are numbered without gaps.

use std::collections::BTreeSet;

use super::Finding;
use crate::workspace::Tree;

const DECISIONS: &str = "docs/adr/";

/// Checks all Markdown files.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (line, target) in links(text) {
            if let Err(message) = follow(tree, path, &target) {
                findings.push(Finding::error(path, line, message));
            }
        }
    }
    decisions(tree, findings);
}

/// Targets of the links of a page with their lines; not those inside code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between back ticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
        let defined = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
        let targets = inline.chain(defined).filter_map(|target| target.split_whitespace().next());
        found.extend(targets.map(|target| (index + 1, target.trim_matches(['<', '>']).to_owned())));
    }
    found
}

fn follow(tree: &Tree, page: &str, target: &str) -> Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (file, heading) = target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = if file.is_empty() { page.to_owned() } else { resolve(page, file)? };
    if !tree.contains(&path) {
        return Err(format!("the link `{target}` leads nowhere"));
    }
    let (Some(heading), Some(text)) = (heading, tree.get(&path).filter(|_| path.ends_with(".md"))) else {
        return Ok(());
    };
    if headings(text).contains(heading) { Ok(()) } else { Err(format!("`{path}` has no heading `#{heading}`")) }
}

/// The path from the root that a relative link means.
fn resolve(page: &str, link: &str) -> Result<String, String> {
    if link.starts_with('/') {
        return Err(format!("the link `{link}` is not relative"));
    }
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." if folders.pop().is_none() => return Err(format!("the link `{link}` leads out of the repository")),
            ".." => {}
            name => folders.push(name),
        }
    }
    Ok(folders.join("/"))
}

/// Anchors of a page, as common renderers make them: lower case, dashes for spaces, no other signs.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    titles
        .map(|title| {
            let kept = title.to_lowercase().replace(' ', "-");
            kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}

/// `0001-title.md`, `0002-title.md`, … each beginning with its number and title.
fn decisions(tree: &Tree, findings: &mut Vec<Finding>) {
    let pages = tree.iter().filter(|(path, _)| path.starts_with(DECISIONS) && path.ends_with(".md"));
    for (index, (path, text)) in pages.enumerate() {
        let expected = format!("{:04}", index + 1);
        let name = path.trim_start_matches(DECISIONS);
        if !name.starts_with(&format!("{expected}-")) {
            findings.push(Finding::error(
                path,
                0,
                format!("decisions are numbered without gaps: this one is {expected}"),
            ));
        } else if !text.starts_with(&format!("# {expected} ")) {
            findings.push(Finding::error(path, 1, format!("begins with its number and title: `# {expected} …`")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::errors_of;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let page = "[a](b.md) [c](../x/c.md)\n[d](missing.md)\n[e](../../../out.md)\n[f](/abs.md)\n";
        let files = [("docs/x/a.md", page), ("docs/x/b.md", ""), ("docs/x/c.md", "")];
        assert_eq!(errors_of(check, &files), ["docs/x/a.md:2", "docs/x/a.md:3", "docs/x/a.md:4"]);
    }

    #[test]
    fn folders_headings_and_addresses_are_followed() {
        let page = "# The one page\n[a](docs) [b](docs/b.md#how-it-works) [c](#the-one-page) [d](https://example.org)\n[e](docs/b.md#gone)\n[ref]: nowhere.md\n";
        let files = [("README.md", page), ("docs/b.md", "## How it works\n")];
        assert_eq!(errors_of(check, &files), ["README.md:3", "README.md:4"]);
    }

    #[test]
    fn links_in_code_are_text() {
        assert!(errors_of(check, &[("README.md", "`[a](b.md)`\n```\n[a](b.md)\n```\n")]).is_empty());
    }

    #[test]
    fn a_gap_in_the_decisions_is_found() {
        let files = [("docs/adr/0001-a.md", "# 0001 A\n"), ("docs/adr/0003-c.md", "# 0003 C\n")];
        assert_eq!(errors_of(check, &files), ["docs/adr/0003-c.md:0"]);
        assert_eq!(errors_of(check, &[("docs/adr/0001-a.md", "# A\n")]), ["docs/adr/0001-a.md:1"]);
    }
}
