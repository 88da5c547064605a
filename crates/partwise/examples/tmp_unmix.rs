#![allow(missing_docs, clippy::print_stdout)]
use partwise::{Matrix, Nmf};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[1])?;
    let v: Vec<f64> = bytes
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let (m, n, k): (usize, usize, usize) = (a[2].parse()?, a[3].parse()?, a[4].parse()?);
    let mut nmf = Nmf::new(k)
        .max_iter(a[6].parse()?)
        .tolerance(a[7].parse()?)
        .init(a[8].parse()?)
        .seed(a[9].parse()?);
    if a[5] != "none" {
        nmf = nmf.constraint(a[5].parse()?);
    }
    let f = nmf.fit(&Matrix::row_major(&v, m, n)?)?;
    println!(
        "{} {:?} it {} obj {:.5} div {:.5} rel {:.5} s {:.2} picked {:?}",
        a[5],
        f.init,
        f.iterations,
        f.objective,
        f.divergence,
        f.relative_error,
        f.seconds,
        f.picked
    );
    let out = |x: &partwise::Dense<f64>| {
        x.as_slice()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    std::fs::write("/tmp/kinds/w.raw", out(&f.w))?;
    std::fs::write("/tmp/kinds/h.raw", out(&f.h))?;
    Ok(())
}
