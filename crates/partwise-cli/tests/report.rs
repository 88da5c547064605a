//! `report` from what runs leave behind.

mod common;

use common::{Place, png};

#[test]
fn a_picture_gets_the_page_that_it_had() {
    let place = Place::new();
    place.file("photo.png", png(20, 12, true));
    place.succeed("image photo.png --color -k 3 -o out");
    let page = |path: &str| std::fs::read_to_string(place.path(path)).unwrap();
    let first = page("out/report.html");
    std::fs::remove_file(place.path("out/report.html")).unwrap();
    let table = place.succeed("report out/run.json");
    assert!(table.contains("out/report.html"), "{table}");
    assert!(page("out/report.html") == first);
    // The picture beside its run is found too.
    std::fs::rename(place.path("photo.png"), place.path("out/photo.png")).unwrap();
    assert_eq!(
        place.succeed("report out/run.json -o other/page.html --quiet"),
        ""
    );
    assert!(page("other/page.html") == first);
}

#[test]
fn what_cannot_be_had_again_is_said() {
    let place = Place::new();
    place.file("photo.png", png(20, 12, false));
    place.succeed("image photo.png -k 3 -o out --no-report");
    std::fs::remove_file(place.path("photo.png")).unwrap();
    let output = place.run("report out/run.json");
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning: the page has the figures"), "{said}");
    assert!(said.contains("photo.png"), "{said}");
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("photo.png") && !page.contains("id=\"section\""));
}

#[test]
fn a_fit_has_a_page_without_more() {
    let place = Place::new();
    place.file("v.csv", "1,2,3\n2,4,6\n1,1,1\n");
    place.succeed("fit v.csv -k 1 -o out");
    let output = place.run("report out/run.json");
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(place.path("out/report.html").is_file());
}

#[test]
fn what_is_no_run_is_refused() {
    let place = Place::new();
    place.file("not.json", "{\"version\": 3}");
    place.refused(
        "report not.json",
        &["not.json: this is not a run.json: invalid type"],
    );
    place.refused("report missing.json", &["missing.json: cannot read: "]);
    assert!(!place.path("report.html").exists());
}
