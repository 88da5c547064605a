//! `report` from what runs leave behind.

use crate::common::{Place, png};

#[test]
fn runs_with_a_page_of_their_own_get_the_page_that_they_had() {
    let place = Place::new();
    place.every_use();
    for (run, input) in [
        ("image photo.png --color -k 3", "photo.png"),
        ("parts faces -k 2", "faces"),
        ("topics texts.txt -k 2", "texts.txt"),
        ("audio tone.wav -k 2", "tone.wav"),
    ] {
        let page = |path: &str| std::fs::read_to_string(place.path(path)).unwrap();
        let out = format!("of-{input}");
        place.succeed(&format!("{run} -o {out}"));
        let first = page(&format!("{out}/report.html"));
        assert!(first.contains("id=\"section\""), "{run}");
        std::fs::remove_file(place.path(&format!("{out}/report.html"))).unwrap();
        let table = place.succeed(&format!("report {out}/run.json"));
        assert!(table.contains(&format!("{out}/report.html")), "{table}");
        assert!(page(&format!("{out}/report.html")) == first, "{run}");
        // It is there for a run that asked for no page, and needs nothing but the two files.
        place.succeed(&format!("{run} -o {out}-plain --no-report"));
        assert!(!place.path(&format!("{out}-plain/report.html")).exists());
        for file in ["run.json", "page.json.gz"] {
            std::fs::create_dir_all(place.path("moved")).unwrap();
            std::fs::rename(
                place.path(&format!("{out}-plain/{file}")),
                place.path(&format!("moved/{file}")),
            )
            .unwrap();
        }
        let said = place.succeed("report moved/run.json -o other/page.html --quiet");
        assert_eq!(said, "");
        assert!(page("other/page.html").contains("id=\"section\""), "{run}");
    }
}

#[test]
fn what_cannot_be_had_again_is_said() {
    let place = Place::new();
    place.file("photo.png", png(20, 12, false));
    let kept = place.path("out/page.json.gz");
    let warned = |reason: &str| {
        let output = place.run("report out/run.json");
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("warning: the page has the figures"), "{said}");
        assert!(said.contains(reason), "{said}");
        let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
        assert!(page.contains("photo.png") && !page.contains("id=\"section\""));
    };
    place.succeed("image photo.png -k 3 -o out --no-report");
    let whole = std::fs::read(&kept).unwrap();
    place.succeed("image photo.png -k 2 -o out --no-report");
    let other = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &whole).unwrap();
    warned("belongs to another run.json");
    std::fs::write(&kept, &other[..other.len() / 2]).unwrap();
    warned("page.json.gz: damaged");
    std::fs::write(&kept, b"{}").unwrap();
    warned("page.json.gz: damaged");
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
    place.refused("report missing.json", &["missing.json: no such file"]);
    assert!(!place.path("report.html").exists());
}
