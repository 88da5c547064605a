//! `topics` on small corpora, and on the sample that the repository carries.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::common::Place;
use flate2::Compression;
use flate2::write::GzEncoder;
use partwise::Matrix;
use partwise_apps::text::{Analysis, Corpus, Fields, Filters, TermRows, Weighting, count, select};
use serde_json::{Value, json};

const FILES: [&str; 8] = [
    "topics.csv",
    "documents.csv",
    "typical.csv",
    "topics.png",
    "convergence.png",
    "report.html",
    "model.npz",
    "run.json",
];

/// Descriptions of packages, from assets/.
fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/descriptions.jsonl.gz");
    path.canonicalize()
        .expect("the sample")
        .display()
        .to_string()
}

/// Two kinds of documents with few words in common.
fn small() -> Vec<(String, &'static str)> {
    let kinds = [
        ("ships", ["sail", "harbour", "anchor", "mast", "crew"]),
        ("bread", ["flour", "yeast", "oven", "dough", "crust"]),
    ];
    (0..24)
        .map(|number| {
            let (label, words) = &kinds[number % 2];
            let some: Vec<_> = (0..4).map(|step| words[(number / 2 + step) % 5]).collect();
            (format!("{} plain words é", some.join(" ")), *label)
        })
        .collect()
}

fn small_jsonl() -> String {
    (1..)
        .zip(small())
        .map(|(id, (text, label))| {
            format!(
                "{}\n",
                json!({"id": id.to_string(), "text": text, "kind": label})
            )
        })
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).expect("a file")
}

#[test]
fn two_kinds_of_documents_are_two_topics() {
    let place = Place::new();
    place.file("small.jsonl", small_jsonl());
    let table = place.succeed("topics small.jsonl -k 2 -o out --label-field kind --max-df 0.5");
    assert!(
        table.contains("coherence") && table.contains("topic 2"),
        "{table}"
    );
    for name in FILES.iter().chain(&["sizes.csv"]) {
        assert!(place.path(&format!("out/{name}")).is_file(), "{name}");
    }
    let topics = read(&place, "out/topics.csv");
    assert_eq!(topics.lines().count(), 11, "{topics}");
    let words_of = |topic: &str| -> Vec<&str> {
        let lines = topics
            .lines()
            .filter(|line| line.starts_with(&format!("{topic},")));
        let mut words: Vec<_> = lines.map(|line| line.split(',').nth(4).unwrap()).collect();
        words.sort_unstable();
        words
    };
    let mut both = [words_of("1"), words_of("2")];
    both.sort();
    assert_eq!(both[0], ["anchor", "crew", "harbour", "mast", "sail"]);
    assert_eq!(both[1], ["crust", "dough", "flour", "oven", "yeast"]);
    let sizes = read(&place, "out/sizes.csv");
    assert!(
        sizes.starts_with("kind,documents,topic 1,topic 2\nbread,12,"),
        "{sizes}"
    );
    let documents = read(&place, "out/documents.csv");
    assert_eq!(documents.lines().count(), 25);
    assert!(
        documents.starts_with("document,kind,topic 1,topic 2\n1,ships,"),
        "{documents}"
    );
    assert!(read(&place, "out/typical.csv").contains("plain words é"));
    let run = place.json("out/run.json");
    assert_eq!(run["documents"], 24);
    assert_eq!(run["vocabulary"], 10);
    assert_eq!(run["terms_removed"], 2);
    assert_eq!(run["words_counted"], 24 * 6);
    assert_eq!(run["diversity"], 1.0);
    assert!(run["coherence_npmi"].as_f64().unwrap() > 0.3, "{run}");
    let picture = image::open(place.path("out/topics.png")).unwrap();
    assert!((400..4000).contains(&picture.width()) && picture.height() > 200);
    assert!(read(&place, "out/report.html").contains("harbour"));
}

#[test]
fn every_way_to_store_documents_gives_the_same_topics() {
    let place = Place::new();
    place.file("small.jsonl", small_jsonl());
    place.file("packed.jsonl.gz", gzip(small_jsonl().as_bytes()));
    fs::create_dir_all(place.path("folder/sub")).unwrap();
    let (mut table, mut lines) = ("kind;text\n".to_owned(), String::new());
    for (number, (text, label)) in small().iter().enumerate() {
        lines.push_str(&format!("{text}\n\n"));
        table.push_str(&format!("{label};\"{}\"\n", text.replace(' ', "\n")));
        let folder = if number < 12 { "folder" } else { "folder/sub" };
        // Files come in the order of their names; "sub" is behind every number.
        place.file(&format!("{folder}/{number:02}.md"), text);
    }
    place.file("small.txt", &lines).file("small.csv", &table);
    place.file("packed.csv.gz", gzip(table.as_bytes()));
    place.succeed("topics small.jsonl -k 2 -o wanted --threads 1 --no-report");
    assert!(!place.path("wanted/report.html").exists());
    let wanted = place.model("wanted/model.npz");
    for (input, flags) in [
        ("small.jsonl", "--threads 2"),
        ("packed.jsonl.gz", ""),
        ("small.txt", ""),
        ("small.csv", "--label-field kind"),
        ("packed.csv.gz", ""),
        ("folder", "--label-field folder"),
    ] {
        place.succeed(&format!("topics {input} -k 2 -o out --no-report {flags}"));
        let found = place.model("out/model.npz");
        assert_eq!((&found.w, &found.h), (&wanted.w, &wanted.h), "{input}");
        assert_eq!(found.col_names, wanted.col_names, "{input}");
    }
    assert!(read(&place, "out/sizes.csv").contains("sub,12,"));
    assert!(read(&place, "out/documents.csv").contains("\nsub/12.md,"));
}

/// V of the sample as the library makes it.
fn library(path: &str, filters: Filters) -> TermRows<f32> {
    let corpus = Corpus::open(Path::new(path), None, Fields::default()).unwrap();
    let mut counts = count(&corpus, &Analysis::default(), None).unwrap();
    let vocabulary = select(&mut counts.rows, counts.terms, &filters, "x", None).unwrap();
    let (frequencies, all) = (&vocabulary.frequencies, vocabulary.documents);
    Weighting::default()
        .apply(counts.rows, frequencies, all, None)
        .unwrap()
}

#[test]
fn the_sample_has_sensible_topics_and_a_model_that_applies() {
    let place = Place::new();
    let sample = sample();
    let flags = "--min-df 5 --max-df 0.3 --stop-words english --no-report";
    place.succeed(&format!(
        "topics {sample} -k 12 -o out --label-field label --threads 1 {flags}"
    ));
    let run = place.json("out/run.json");
    assert!(
        run["coherence_npmi"].as_f64().unwrap() > 0.2,
        "{}",
        run["coherence_npmi"]
    );
    assert!(
        run["diversity"].as_f64().unwrap() > 0.5,
        "{}",
        run["diversity"]
    );
    let topics: Vec<Vec<&str>> = (run["topics"].as_array().unwrap().iter())
        .map(|topic| {
            let terms = topic["terms"].as_array().unwrap().iter();
            terms.map(|term| term.as_str().unwrap()).collect()
        })
        .collect();
    for together in [
        ["perl", "module"],
        ["python", "module"],
        ["compiler", "gcc"],
        ["haskell", "ghc"],
    ] {
        let found = (topics.iter()).any(|terms| together.iter().all(|term| terms.contains(term)));
        assert!(found, "{together:?} are not in one topic of {topics:?}");
    }
    let shares: Vec<f64> = (run["topics"].as_array().unwrap().iter())
        .map(|topic| topic["share"].as_f64().unwrap())
        .collect();
    assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    place.succeed(&format!("topics {sample} -k 12 -o two --threads 2 {flags}"));
    let (one, two) = (place.model("out/model.npz"), place.model("two/model.npz"));
    assert!(one.w == two.w && one.h == two.h, "threads change bits");
}

#[test]
fn applying_is_transforming() {
    let place = Place::new();
    place.file("small.jsonl", small_jsonl());
    place.succeed("topics small.jsonl -k 2 -o out --no-report");
    let printed = place.succeed("topics --apply out/model.npz small.jsonl -o new");
    assert!(
        printed.contains("0 occurrences of other terms"),
        "{printed}"
    );
    let v = library(
        &place.path("small.jsonl").display().to_string(),
        Filters::default(),
    );
    let model = place.model("out/model.npz");
    let partwise_io::AnyDense::F32(h) = model.h else {
        panic!("the model is not in 32 bits");
    };
    let h = partwise::Dense::from_rows(h.data, h.rows, h.cols).unwrap();
    let rows = Matrix::csr(v.rows(), v.cols, &v.offsets, &v.indices, &v.values).unwrap();
    let solver = model.meta["solver"].as_str().unwrap().parse().unwrap();
    let nmf = partwise::Nmf::new(2).solver(solver);
    let wanted = nmf.transform(&rows, &h).unwrap();
    let found = place.matrix("new/w.npy");
    assert_eq!(found.shape, (24, 2));
    for (found, wanted) in found.values.iter().zip(wanted.w.as_slice()) {
        assert_eq!(*found, f64::from(*wanted));
    }
    // What is new: other words, and none at all.
    place.file(
        "new.jsonl",
        "{\"text\": \"sail unheard mast\"}\n{\"text\": \"zzz\"}\n",
    );
    place.succeed("topics --apply out/model.npz new.jsonl -o other --quiet");
    let run = place.json("other/run.json");
    assert_eq!(run["unknown_terms"], 2);
    let documents = read(&place, "other/documents.csv");
    assert!(documents.ends_with("\n2,0,0\n"), "{documents}");
}

#[test]
fn a_ready_matrix_is_weighted_and_applied_by_its_terms() {
    let place = Place::new();
    // Two terms that come together, two that do so elsewhere, and a zero that must not count.
    let values = [
        2.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 1.0,
    ];
    place.file("counts.npz", crate::common::scipy_npz(4, 4, &values));
    place.file("terms.txt", "mast\nsail\noven\ndough\n");
    place.succeed("topics counts.npz --vocabulary terms.txt -k 2 -o out --dtype f64");
    let model = place.model("out/model.npz");
    let terms: Vec<_> = model.col_names.unwrap();
    assert_eq!(terms, ["dough", "mast", "oven", "sail"]);
    assert_eq!(model.meta["topics"]["frequencies"], json!([2, 2, 2, 2]));
    let topics = read(&place, "out/topics.csv");
    assert_eq!(topics.lines().count(), 5, "{topics}");
    place.file("new.csv", "name,oven,dough,other\nx,1,1,5\n");
    place.succeed("topics --apply out/model.npz new.csv --format matrix -o new");
    assert_eq!(place.json("new/run.json")["unknown_terms"], 1);
    let documents = read(&place, "new/documents.csv");
    assert!(
        documents.lines().nth(1).unwrap().starts_with("x,"),
        "{documents}"
    );
    let counts = "topics counts.npz --vocabulary terms.txt -k 2 -o kl --weighting counts --loss kl";
    place.succeed(counts);
}

#[test]
fn stems_stop_words_and_pairs_are_taken() {
    let place = Place::new();
    let text = "Die Häuser und das Haus\nHäusern und Gärten\nIn den Gärten der Häuser\n";
    place.file("de.txt", text).file("stop.txt", "in\nden\n");
    place.succeed("topics de.txt -k 1 -o out --stem german --stop-words de,stop.txt --ngrams 1..2");
    let run = place.json("out/run.json");
    let mut terms: Vec<_> = (run["topics"][0]["terms"].as_array().unwrap().iter())
        .map(|term| term.as_str().unwrap().to_owned())
        .collect();
    terms.sort_unstable();
    assert_eq!(
        terms,
        ["gart", "gart haus", "haus", "haus gart", "haus haus"]
    );
    let meta = place.model("out/model.npz").meta;
    assert_eq!(meta["topics"]["analysis"]["stem"], "german");
}

#[test]
fn standard_input_is_read_and_json_printed() {
    let place = Place::new();
    let mut command = place.command("topics - --format jsonl -k 2 -o out --json --quiet");
    let mut program = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    program
        .stdin
        .take()
        .unwrap()
        .write_all(small_jsonl().as_bytes())
        .unwrap();
    let output = program.wait_with_output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, place.json("out/run.json"));
    assert!(read(&place, "out/typical.csv").contains("plain words é"));
}

#[test]
fn only_single_words_are_stop_words_and_tabs_alone_part_fields() {
    let place = Place::new();
    place.file("stop.txt", "new york\nharbour c\ndon't\n");
    place.file(
        "t.tsv",
        "id\ttext\n1\t\"new york don haven\n2\tnew harbour\" don york\n",
    );
    place.succeed("topics t.tsv -k 1 -o out --stop-words stop.txt --weighting counts -q");
    let run = place.json("out/run.json");
    assert_eq!(run["shape"], serde_json::json!([2, 4]), "{run}");
}

#[test]
fn bad_corpora_are_refused_in_one_line() {
    let place = Place::new();
    let lines = small_jsonl();
    place
        .file("good.jsonl", &lines)
        .file("empty.jsonl", "")
        .file("blank.txt", " \n\n");
    place.file("missing.jsonl", format!("{lines}{{\"body\": \"x\"}}\n"));
    place.file("broken.jsonl", format!("{lines}\n{{\"text\": \"x\"\n"));
    place
        .file("latin.txt", b"one\ncaf\xe9 two\n")
        .file("a.csv", "id,body\n1,x\n");
    place
        .file("ragged.csv", "id,text\n1,x\n2\n")
        .file("unknown", "x");
    place
        .file("letters.txt", "a b c\n")
        .file("stops.txt", "the and of\nof the\n")
        .file("terms.txt", "a\nb\na\n");
    place.file("m.npy", crate::common::npy_f64(1, 3, &[1.0, 2.0, 3.0]));
    place
        .file("minus.npy", crate::common::npy_f64(1, 2, &[1.0, -2.0]))
        .file("part.npy", crate::common::npy_f64(1, 2, &[1.0, 0.25]))
        .file("two.txt", "a\nb\n");
    fs::create_dir(place.path("nothing")).unwrap();
    place.succeed("fit m.npy -k 1 -o fitted");
    for (arguments, words) in [
        ("empty.jsonl -k 2", &["empty.jsonl", "no documents"][..]),
        ("blank.txt -k 2", &["no documents"]),
        ("nothing -k 2", &["holds no file .txt or .md"]),
        ("absent.jsonl -k 2", &["absent.jsonl"]),
        (
            "missing.jsonl -k 2",
            &["line 25", "no field 'text'", "body"],
        ),
        ("broken.jsonl -k 2", &["line 26", "broken JSON"]),
        ("latin.txt -k 2", &["line 2", "UTF-8"]),
        ("a.csv -k 2", &["line 1", "no column 'text'", "id, body"]),
        ("ragged.csv -k 2", &["line 3", "1 fields", "expected 2"]),
        ("unknown -k 2", &["format", "jsonl"]),
        (
            "good.jsonl -k 2 --label-field nope",
            &["no document has the field 'nope'"],
        ),
        (
            "good.jsonl -k 2 --id-field nope",
            &["line 1", "no field 'nope'"],
        ),
        (
            "letters.txt -k 2",
            &["no terms are left of 0", "1 documents", "single letters"],
        ),
        (
            "stops.txt -k 2 --stop-words english",
            &["all 5 words of the 2 documents are stop words"],
        ),
        (
            "stops.txt -k 2 --ngrams 4",
            &["none of the 2 documents has 4 words", "there are 5"],
        ),
        (
            "good.jsonl -k 2 --min-df 13 --max-df 20",
            &[
                "no terms",
                "10 are in fewer documents than --min-df 13",
                "2 are in more",
            ],
        ),
        (
            "good.jsonl -k 2 --min-df 9 --max-df 3",
            &["max_df 3", "min_df is 9"],
        ),
        ("good.jsonl -k 2 --min-df 1.5", &["--min-df", "share"]),
        ("good.jsonl -k 2 --stem klingon", &["klingon", "danish"]),
        (
            "good.jsonl -k 2 --stop-words elvish",
            &["elvish", "english"],
        ),
        ("good.jsonl -k 2 --ngrams 2..1", &["ngrams", "2..1"]),
        ("good.jsonl -k 0", &["0"]),
        ("good.jsonl", &["--rank"]),
        ("blank.txt -k 2 --text-field x", &["--text-field", "lines"]),
        (
            "good.jsonl -k 2 --sublinear --weighting counts",
            &["--sublinear"],
        ),
        ("m.npy -k 2", &["no names", "--vocabulary"]),
        (
            "m.npy -k 2 --vocabulary terms.txt",
            &["line 3", "'a'", "line 1"],
        ),
        ("m.npy -k 2 --vocabulary two.txt", &["2 terms", "3 columns"]),
        ("m.npy -k 2 --stem english", &["--stem", "matrix"]),
        (
            "minus.npy -k 1 --vocabulary two.txt",
            &["-2", "row 0, column 1"],
        ),
        (
            "part.npy -k 1 --vocabulary two.txt --sublinear",
            &["0.25", "row 0, column 1"],
        ),
        (
            "m.npy -k 2 --vocabulary two.txt --stem english",
            &["--vocabulary"],
        ),
        (
            "good.jsonl --apply fitted/model.npz -k 2",
            &["--apply", "--rank"],
        ),
        (
            "good.jsonl --apply fitted/model.npz --stem english",
            &["--apply"],
        ),
        (
            "good.jsonl --apply fitted/model.npz",
            &["no model of topics"],
        ),
        ("good.jsonl --apply good.jsonl", &["good.jsonl"]),
    ] {
        place.refused(&format!("topics {arguments} -o out"), words);
    }
}
