//! `tree` on small matrices.

use crate::common::{Place, npy_f64, scipy_npz};

const HEAD: &str = "node,parent,first_child,second_child,leaf,rows,set_aside,score,terms";

/// The fields of a file of CSV, without its head.
fn rows(place: &Place, name: &str, head: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(place.path(name)).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(head), "{name}");
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// Row i has kind i % 4: columns 1 to 12 are those of one kind, three each, and 13 to 20 those of two kinds.
fn four_kinds() -> Vec<u8> {
    let noise = |i: usize| (i * 7919 % 101) as f64 / 101.0;
    let entry = |at: usize| {
        let (kind, j) = (at / 20 % 4, at % 20);
        let own = match j {
            0..12 => j / 3 == kind,
            _ => (j - 12) / 4 == kind / 2,
        };
        let own = if own { 3.0 + noise(13 * at) } else { 0.0 };
        own + 0.2 * noise(at)
    };
    let values: Vec<f64> = (0..32 * 20).map(entry).collect();
    npy_f64(32, 20, &values)
}

#[test]
fn a_tree_writes_its_nodes_the_leaf_of_each_row_and_a_model() {
    let place = Place::new();
    place.file("v.npy", four_kinds());
    let table = place.succeed("tree v.npy --leaves 4 -o out");
    for words in ["leaves", "rows of a leaf  8 to 8", "relative error"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let nodes = rows(&place, "out/tree.csv", HEAD);
    assert_eq!(nodes.len(), 7);
    assert_eq!(nodes[0][..4], ["1", "", "2", "3"]);
    assert_eq!(nodes[0][5..7], ["32", "0"]);
    let leaves: Vec<_> = nodes.iter().map(|node| node[4].as_str()).collect();
    let mut named: Vec<_> = leaves.iter().filter(|leaf| !leaf.is_empty()).collect();
    named.sort_unstable();
    assert_eq!(named, [&"1", &"2", &"3", &"4"]);
    // Of each leaf the columns of its kind are named, and those of its two kinds.
    for leaf in nodes.iter().filter(|node| !node[4].is_empty()) {
        let columns = leaf[8]
            .split("; ")
            .map(|column| column.parse::<usize>().unwrap() - 1);
        let (own, of_two): (Vec<usize>, Vec<usize>) = columns.partition(|j| *j < 12);
        let mut kinds: Vec<usize> = own.iter().map(|j| j / 3).collect();
        kinds.dedup();
        assert_eq!(kinds.len(), 1, "{leaf:?}");
        assert!(
            of_two.iter().all(|j| (j - 12) / 4 == kinds[0] / 2),
            "{leaf:?}"
        );
    }
    let assigned = rows(&place, "out/assignments.csv", "row,leaf");
    assert_eq!(assigned.len(), 32);
    for (i, row) in assigned.iter().enumerate() {
        assert_eq!(row[0], (i + 1).to_string());
        assert_eq!(row[1], assigned[i % 4][1]);
    }
    let run = place.json("out/run.json");
    assert_eq!(run["rank"], 4);
    assert_eq!(run["tree"]["complete"], true);
    assert_eq!(run["tree"]["nodes"].as_array().unwrap().len(), 7);
    assert_eq!(run["tree"]["nodes"][0]["children"][1], 2);
    let picture = image::open(place.path("out/tree.png")).unwrap();
    assert!(picture.width() > 800 && picture.height() > 350);
    // The model is one like any other.
    assert_eq!(place.model("out/model.npz").h.shape(), (4, 20));
    place.succeed("transform out/model.npz v.npy -o w.npy");
    place.succeed("reconstruct out/model.npz -o again.npy");
}

#[test]
fn names_of_columns_are_the_terms_of_nodes() {
    let place = Place::new();
    // Rows of either kind are in proportion.
    let entry = |at: usize| {
        let (i, j) = (at / 4, at % 4);
        let size = (1 + i % 3) * (1 + j % 2);
        if i % 2 == j / 2 { size as f64 } else { 0.0 }
    };
    let values: Vec<f64> = (0..12 * 4).map(entry).collect();
    place.file("v.npz", scipy_npz(12, 4, &values));
    place.file("words.txt", "river\nshore, wet\nship\nmast\n");
    let json = place.succeed(
        "tree v.npz --vocabulary words.txt --leaves 2 --loss kl --top-terms 2 -o out --json",
    );
    let run: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(run["loss"], "kullback-leibler");
    let terms = |node: usize| {
        let terms = run["tree"]["nodes"][node]["terms"].as_array().unwrap();
        let mut terms: Vec<_> = terms.iter().map(|term| term.as_str().unwrap()).collect();
        terms.sort_unstable();
        terms
    };
    let mut children = [terms(1), terms(2)];
    children.sort();
    assert_eq!(children, [["mast", "ship"], ["river", "shore, wet"]]);
    let text = std::fs::read_to_string(place.path("out/tree.csv")).unwrap();
    assert!(text.contains("shore, wet") && text.contains('"'), "{text}");
    // Only two kinds of rows: there are no more leaves than these.
    let output = place.run("tree v.npz --leaves 5 -o two");
    let note = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(note.contains("the tree has 2 leaves of 5"), "{note}");
    assert!(
        place
            .succeed("tree v.npz --leaves 2 -o quiet -q")
            .is_empty()
    );
}

#[test]
fn bad_requests_are_refused() {
    let place = Place::new();
    place.file("v.npy", four_kinds());
    place.file("words.txt", "one\ntwo\n");
    place.file("negative.txt", "1 2 3\n4 -5 6\n7 8 9\n");
    for (arguments, words) in [
        ("v.npy", "--leaves"),
        ("v.npy --leaves 1", "leaves = 1: expected at least 2"),
        (
            "v.npy --leaves 33",
            "leaves = 33: expected at most 32, the rows of V",
        ),
        (
            "v.npy --leaves 3 --outliers 0.5",
            "outliers = 0.5: expected a share",
        ),
        (
            "v.npy --leaves 3 --outliers -1",
            "outliers = -1: expected a share",
        ),
        (
            "v.npy --leaves 3 --vocabulary words.txt",
            "words.txt: 2 lines for a matrix of 20 columns",
        ),
        ("v.npy --leaves 3 --vocabulary none.txt", "none.txt"),
        ("v.npy --leaves 3 --hold h", "--hold belongs to one fit"),
        (
            "v.npy --leaves 3 --constraint simplex",
            "--constraint belongs to one fit",
        ),
        ("negative.txt --leaves 2", "row 1, column 1"),
    ] {
        place.refused(&format!("tree {arguments} -o out"), &[words]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_splits_so_far() {
    let place = Place::new();
    let values: Vec<f64> = (0..1500 * 60)
        .map(|i| f64::from(i * 7919 % 100_003 % 1009))
        .collect();
    place.file("v.npy", npy_f64(1500, 60, &values));
    for seconds in [1, 2, 4, 8, 16] {
        let child = place
            .command("tree v.npy --leaves 1000 --tol 0 --max-iter 2000 -o out")
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{complaint}");
        if complaint.contains("so far") {
            let run = place.json("out/run.json");
            assert_eq!(run["tree"]["complete"], false);
            let leaves = run["tree"]["leaves"].as_u64().unwrap();
            assert!((2..1000).contains(&leaves) && run["rank"] == leaves);
            assert!(place.path("out/tree.png").is_file());
            return;
        }
    }
    panic!("no split was done within 16 seconds");
}
