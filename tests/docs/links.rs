//! Links: what is in the repository is there, and has the heading that is linked to.

use std::path::{Component, Path, PathBuf};

use crate::markdown::{Page, pages, root};

/// Pages that are written at the same time as these.
const EXPECTED: &[&str] = &["deploy/README.md"];

/// What is wrong with a link of `page`, if anything is.
fn fault(page: &Page, link: &str) -> Option<String> {
    // On the reader's own machine, once the commands of the page were run.
    let is_local = link.starts_with("http://localhost:");
    if is_local || link.starts_with("https://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    if path.contains(':') {
        return Some("is neither a file here nor https".into());
    }
    let target = if path.is_empty() { page.path.clone() } else { beside(&page.path, path) };
    if !root().join(&target).exists() {
        if EXPECTED.iter().any(|expected| target == Path::new(expected)) {
            return None;
        }
        return Some("leads to no file".into());
    }
    let anchor = anchor?;
    let linked = Page::read(target.to_str().unwrap());
    (!linked.anchors().contains(anchor)).then(|| "leads to no heading".into())
}

/// A path as it is meant in a page, from the root.
fn beside(page: &Path, path: &str) -> PathBuf {
    let mut target = PathBuf::new();
    for component in page.parent().unwrap().join(path).components() {
        match component {
            Component::ParentDir => assert!(target.pop(), "{path} leads out of the repository"),
            component => target.push(component),
        }
    }
    target
}

#[test]
fn every_internal_link_leads_to_a_file_and_its_heading() {
    let mut checked = 0;
    let mut faults = Vec::new();
    for page in pages() {
        for link in page.links() {
            faults
                .extend(fault(&page, &link).map(|fault| format!("{}: {link} {fault}", page.path.display())));
            checked += 1;
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(checked > 40, "only {checked} links were found");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = Page { path: "docs/page.md".into(), text: "# One\n\n## The `two`, 2\n\n# One\n".into() };
    for good in [
        "https://example.com",
        "http://localhost:9090",
        "../README.md",
        "../README.md#see-it",
        "ARCHITECTURE.md",
    ] {
        assert_eq!(fault(&page, good), None, "{good}");
    }
    for bad in ["README.md", "../README.md#nowhere", "http://example.com", "file:///etc/passwd"] {
        assert!(fault(&page, bad).is_some(), "{bad}");
    }
    let anchors: Vec<_> = page.anchors().into_iter().collect();
    assert_eq!(anchors, ["one", "one-1", "the-two-2"]);
}

#[test]
fn every_page_of_the_documentation_is_linked_from_the_readme() {
    let links = Page::read("README.md").links();
    let pages = pages();
    let docs = pages.iter().filter(|page| page.path.parent() == Some(Path::new("docs")));
    for page in docs {
        let path = page.path.to_str().unwrap();
        assert!(links.iter().any(|link| link == path), "README.md does not link to {path}");
    }
}
