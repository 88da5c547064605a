//! Every readable fixture is read as numpy and scipy read it.

use crate::common::{assert_canonical, data, dense, same};
use partwise_io::{
    AnyMatrix, Dtype, Matrix, MatrixToWrite, Precision, ReadOptions, read, read_model, write,
    write_model,
};
use serde_json::Value;

fn expected() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(data("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn values(expectation: &Value) -> Vec<f64> {
    let digits = expectation["values"].as_str().unwrap().as_bytes();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    bytes
        .chunks(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let names = value.as_array()?;
    Some(
        names
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
    )
}

fn order_of(matrix: &AnyMatrix) -> String {
    match matrix {
        AnyMatrix::F64(Matrix::Dense(dense)) => format!("{:?}", dense.order),
        other => panic!("no dense f64 matrix: {other:?}"),
    }
}

#[test]
fn every_file_is_read_as_numpy_and_scipy_read_it() {
    let expected = expected();
    assert!(expected.len() > 80, "only {} fixtures", expected.len());
    for (name, expectation) in &expected {
        let table =
            read(data(name), &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let shape: Vec<u64> = vec![table.matrix.shape().0 as u64, table.matrix.shape().1 as u64];
        assert_eq!(expectation["shape"], serde_json::json!(shape), "{name}");
        let (found, wanted) = (dense(&table.matrix), values(expectation));
        for (place, (&found, &wanted)) in found.iter().zip(&wanted).enumerate() {
            // Weighted colours are summed in another order than numpy does it.
            let close = name == "colour.png" && (found - wanted).abs() < 1e-15;
            // The sign of a zero is lost where nothing is stored, and numpy's loadtxt keeps it.
            assert!(
                same(found, wanted) || close,
                "{name}: entry {place} is {found}, numpy has {wanted}"
            );
        }
        assert_canonical(&table.matrix);
        assert_eq!(
            table.matrix.is_sparse(),
            expectation["sparse"] == true,
            "{name}"
        );
        assert_eq!(table.row_names, texts(&expectation["row_names"]), "{name}");
        assert_eq!(table.col_names, texts(&expectation["col_names"]), "{name}");
        let dtype = expectation["dtype"].as_str().unwrap_or("float64");
        assert_eq!(table.matrix.precision().name(), dtype, "{name}");
        if let Some(stored_as) = expectation["stored_as"].as_str() {
            assert_eq!(table.stored_as, stored_as, "{name}");
        }
        if let Some(order) = expectation["order"].as_str() {
            assert_eq!(order_of(&table.matrix), order, "{name}");
        }
    }
}

#[test]
fn either_precision_can_be_asked_for() {
    for (name, expectation) in &expected() {
        for (dtype, precision) in [(Dtype::F32, Precision::F32), (Dtype::F64, Precision::F64)] {
            let options = ReadOptions {
                dtype,
                ..ReadOptions::default()
            };
            let table = read(data(name), &options).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(table.matrix.precision(), precision, "{name}");
            for (found, wanted) in dense(&table.matrix).into_iter().zip(values(expectation)) {
                let wanted = if precision == Precision::F32 {
                    f64::from(wanted as f32)
                } else {
                    wanted
                };
                // Sums of colours and of duplicates are rounded once more; text is rounded once less than by numpy.
                let close = (found - wanted).abs() <= 1.2e-7 * wanted.abs();
                assert!(same(found, wanted) || close, "{name}: {found} for {wanted}");
            }
        }
    }
}

#[test]
fn our_npy_files_are_numpys_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.npy");
    let doubles = [1.5, -2.0, 0.1, 1e300, f64::NAN, f64::INFINITY];
    let matrix = MatrixToWrite {
        rows: 3,
        cols: 2,
        values: doubles[..].into(),
        row_names: None,
        col_names: None,
    };
    write(&path, &matrix).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        std::fs::read(data("written_f8.npy")).unwrap()
    );
    let floats = [1.5_f32, -2.0, 0.1];
    let matrix = MatrixToWrite {
        rows: 1,
        cols: 3,
        values: floats[..].into(),
        row_names: None,
        col_names: None,
    };
    write(&path, &matrix).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        std::fs::read(data("written_f4.npy")).unwrap()
    );
}

#[test]
fn our_models_hold_numpys_arrays_byte_for_byte() {
    let theirs = data("model.npz");
    let model = read_model(&theirs).unwrap();
    assert_eq!(
        model.meta,
        serde_json::json!({"größe": [1, 2.5], "solver": "cd"})
    );
    assert_eq!(model.w.shape(), (3, 2));
    assert_eq!(model.row_names.as_deref().unwrap(), ["a", "b", "ccc"]);
    assert_eq!(model.col_names.as_deref().unwrap(), ["x", "☃"]);
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("model.npz");
    write_model(&ours, &model).unwrap();
    assert_eq!(read_model(&ours).unwrap(), model);
    let (mut ours, mut theirs) = (open(&ours), open(&theirs));
    assert_eq!(ours.len(), theirs.len());
    for name in ["w", "h", "meta", "row_names", "col_names"] {
        assert_eq!(member(&mut ours, name), member(&mut theirs, name), "{name}");
    }
}

type Archive = zip::ZipArchive<std::fs::File>;

fn open(path: &std::path::Path) -> Archive {
    zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap()
}

fn member(archive: &mut Archive, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::copy(
        &mut archive.by_name(&format!("{name}.npy")).unwrap(),
        &mut bytes,
    )
    .unwrap();
    bytes
}
