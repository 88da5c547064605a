//! The report page: what it refuses, what it holds, how large it gets. What its scripts do is tested in a browser.

use partwise_report::{
    AudioSection, DocumentTopics, ImageSection, PartsSection, Raster, Run, Section, Source, Topic,
    TopicsSection, page, plain_page,
};
use serde_json::{Value, json};

fn run() -> Run {
    let text = json!({
        "version": "0.1.0", "command": ["partwise", "fit", "a b.csv"], "parameters": { "rank": 2, "hold": null },
        "shape": [3, 4], "nonzeros": 12, "rank": 2, "loss": "frobenius", "solver": "cd", "objective": 0.5,
        "relative_error": 0.1, "iterations": 7, "converged": true, "stop_reason": "converged", "seconds": 0.2,
        "trace": [], "input": "folder/<b>.csv", "psnr_db": "Infinity",
        "seconds_counting": 0.25, "documents_read": 12345, "new_figure": 0.123456,
    });
    Run::from_json(&text.to_string()).unwrap()
}

fn image(width: usize, height: usize, rank: usize) -> ImageSection {
    ImageSection {
        name: "photo".to_owned(),
        width,
        height,
        channels: 3,
        rank,
        w: (0..height * rank).map(|i| (i % rank) as f32).collect(),
        h: vec![0.1; rank * width * 3],
        original: Raster::rgb(width, height, vec![0.5; width * height * 3]).unwrap(),
        rate_distortion: Vec::new(),
    }
}

fn parts(images: usize, side: usize, rank: usize) -> PartsSection {
    PartsSection {
        width: side,
        height: side,
        rank,
        names: (0..images).map(|i| format!("{i}.png")).collect(),
        images: vec![0.5; images * side * side],
        w: vec![1.0; images * rank],
        h: vec![0.5; rank * side * side],
        part_sparseness: Vec::new(),
        code_sparseness: Vec::new(),
    }
}

fn topics(documents: usize, letters: usize) -> TopicsSection {
    let document = |number: usize| DocumentTopics {
        id: number.to_string(),
        text: "é".repeat(letters),
        field: None,
        weights: vec![(0, 1.0)],
    };
    TopicsSection {
        topics: vec![Topic {
            name: "all".to_owned(),
            terms: vec![("word".to_owned(), 1.0)],
            share: 1.0,
            npmi: Some(0.1),
            position: [0.0, 0.0],
            typical: vec![documents - 1],
        }],
        documents: (0..documents).map(document).collect(),
        total_documents: documents,
        coherence: Some(0.1),
        diversity: 1.0,
        field: None,
    }
}

fn audio(samples: usize) -> AudioSection {
    let (frame, hop) = (1024, 256);
    AudioSection {
        name: "song".to_owned(),
        sample_rate: 22_050,
        samples: vec![0.25; samples],
        frame,
        hop,
        rank: 2,
        exponent: 1.0,
        window: vec![1.0; frame],
        taps: 1,
        w: vec![1.0; 2 * (frame / 2 + 1)],
        h: vec![1.0; 2 * (samples / hop + 1)],
        power: 1.0,
        strokes: None,
        sources: Vec::new(),
        notes: Vec::new(),
        note: None,
    }
}

fn refusal(section: Section) -> String {
    page(&run(), &section).unwrap_err().to_string()
}

/// The JSON that the page's scripts draw.
fn held(section: Section) -> (Value, usize) {
    let page = page(&run(), &section).unwrap();
    let (_, rest) = page.split_once("id=\"section\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    (serde_json::from_str(json).unwrap(), page.len())
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let section = ImageSection {
        w: vec![0.0; 5],
        ..image(4, 3, 2)
    };
    let expected = "W has 5 values; it needs height × rank = 3 × 2";
    assert_eq!(refusal(Section::Image(section)), expected);
    let section = ImageSection {
        width: 5,
        ..image(4, 3, 2)
    };
    assert!(refusal(Section::Image(section)).contains("4 × 3"));
    let section = PartsSection {
        part_sparseness: vec![0.5],
        ..parts(2, 3, 4)
    };
    let expected = "part_sparseness has 1 values; it needs 4 (rank)";
    assert_eq!(refusal(Section::Parts(section)), expected);
    let section = AudioSection {
        h: vec![1.0; 8],
        ..audio(5000)
    };
    let expected = "number of frames is 4; it must be at least 20, so that they cover the samples";
    assert_eq!(refusal(Section::Audio(section)), expected);
    let section = AudioSection {
        taps: 3,
        ..audio(5000)
    };
    let expected = "W has 1026 values; it needs taps × rank × (frame / 2 + 1) = 3 × 2 × 513";
    assert_eq!(refusal(Section::Audio(section)), expected);
}

#[test]
fn values_out_of_range_are_named_with_their_place() {
    let mut section = image(4, 3, 2);
    section.h[7] = -0.5;
    let expected = "H[7] is -0.5; it must be finite and not negative";
    assert_eq!(refusal(Section::Image(section)), expected);
    let mut section = topics(3, 5);
    section.documents[1].weights[0].0 = 1;
    let expected = "documents[1].weights is 1; it must be below 1";
    assert_eq!(refusal(Section::Topics(section)), expected);
    let section = TopicsSection {
        total_documents: 2,
        ..topics(3, 5)
    };
    assert!(refusal(Section::Topics(section)).contains("at least the 3 handed over"));
    let mut section = audio(2000);
    section.frame = 1023;
    assert!(refusal(Section::Audio(section)).contains("an even number"));
    let mut section = audio(2000);
    section.sources = vec![Source {
        name: "both".to_owned(),
        components: vec![0, 2],
    }];
    assert_eq!(
        refusal(Section::Audio(section)),
        "source \"both\" is 2; it must be below 2"
    );
    let mut run = run();
    run.objective = f64::NAN;
    assert!(plain_page(&run).is_err());
}

#[test]
fn words_of_the_run_are_escaped_and_its_command_is_quoted() {
    let page = plain_page(&run()).unwrap();
    assert!(page.contains("<title>&lt;b&gt;.csv – 2 components</title>"));
    assert!(page.contains(">partwise fit &#39;a b.csv&#39;</code>"));
    assert!(!page.contains("<b>"));
    for (name, value) in [
        ("PSNR", "∞\u{a0}dB"),
        ("time counting", "250\u{a0}ms"),
        ("documents read", "12,345"),
        ("new figure", "0.123"),
    ] {
        assert!(
            page.contains(&format!("<dt>{name}</dt><dd>{value}</dd>")),
            "{name}"
        );
    }
}

#[test]
fn components_of_a_picture_come_strongest_first() {
    let (data, _) = held(Section::Image(image(4, 3, 3)));
    assert_eq!(data["components"], json!([2, 1, 0]));
    let shares: Vec<f64> = serde_json::from_value(data["shares"].clone()).unwrap();
    assert!((shares[0] - 2.0 / 3.0).abs() < 1e-12 && shares[2] == 0.0);
}

#[test]
fn large_data_are_thinned_below_five_megabytes() {
    let (data, size) = held(Section::Image(image(3000, 2000, 100)));
    assert!(size < 5_000_000, "image: {size}");
    assert_eq!(data["fullSize"], json!([3000, 2000]));
    assert_eq!(data["original"]["type"], "u8");
    let (data, size) = held(Section::Parts(parts(3000, 64, 49)));
    assert!(size < 5_000_000, "parts: {size}");
    assert!(data["names"].as_array().unwrap().len() >= 300);
    let (data, size) = held(Section::Parts(parts(60, 400, 100)));
    assert!(size < 5_000_000, "large parts: {size}");
    assert!(data["width"].as_u64().unwrap() < 400);
    let (data, size) = held(Section::Topics(topics(20_000, 1000)));
    assert!(size < 5_000_000, "topics: {size}");
    let documents = data["documents"].as_array().unwrap();
    let last = documents.last().unwrap();
    assert_eq!(last["id"], "19999", "the typical document is kept");
    assert_eq!(last["text"].as_str().unwrap().chars().count(), 300);
    assert_eq!(data["topics"][0]["typical"], json!([documents.len() - 1]));
    let (data, size) = held(Section::Audio(audio(22_050 * 180)));
    assert!(size < 5_000_000, "audio: {size}");
    assert_eq!(
        data["remarks"],
        json!(["This page holds the first 63 s of 180 s."])
    );
}
